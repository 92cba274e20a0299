"""Celery's doors to the engine: an id in, no logic, safe to run twice."""

import uuid

from celery import shared_task

from swaps.engine import advance as turn
from swaps.engine import repeats, rounds, store, traffic_record


@shared_task(name="swaps.advance")
def advance(swap_id: str, if_due: bool = False) -> None:
    again = turn.advance(uuid.UUID(swap_id), if_due=if_due)
    if again is not None:
        advance.apply_async([swap_id, True], countdown=again)


@shared_task(name="swaps.sweep")
def sweep() -> None:
    for swap_id in store.due():
        advance.delay(str(swap_id), True)


@shared_task(name="swaps.reconcile")
def reconcile() -> None:
    rounds.begin_rounds()


@shared_task(name="swaps.forget_old_answers")
def forget_old_answers() -> None:
    repeats.forget_old_answers()


@shared_task(name="swaps.record_traffic")
def record_traffic() -> None:
    traffic_record.record_traffic()
