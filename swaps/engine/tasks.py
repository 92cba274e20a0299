"""Celery's doors to the engine: an id in, no logic, safe to run twice."""

import uuid

from celery import shared_task

from swaps.engine import advance as turn
from swaps.engine.write import store
from swaps.live.wake import ADVANCE, SWEEP, look_if_due


@shared_task(name=ADVANCE)
def advance(swap_id: str, if_due: bool = False) -> None:
    again = turn.advance(uuid.UUID(swap_id), if_due=if_due)
    if again is not None:
        look_if_due(uuid.UUID(swap_id), after_seconds=again)


@shared_task(name=SWEEP)
def sweep() -> None:
    for swap_id, _ in store.due():
        look_if_due(swap_id)
