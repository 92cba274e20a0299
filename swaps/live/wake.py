"""Wake-ups: ask a worker to look at a swap now. A lost one is found by the sweep."""

import logging
import threading
import uuid
from collections.abc import Iterable

from celery import current_app
from kombu.exceptions import OperationalError

from swaps.domain.states import END_STATES
from swaps.models.statements import Statement, run

log = logging.getLogger(__name__)

# By the words of `one_open_swap_a_model`, whose index finds them.
_TO_WAKE = f"""
SELECT id FROM swaps_swapoperation
 WHERE model_id = ANY(%(models)s) AND NOT queued
   AND state NOT IN ({", ".join(f"'{state}'" for state in sorted(END_STATES))})
   AND (attended_until IS NULL OR attended_until < now())
"""  # noqa: S608 - our own words


def wake_swap(swap_id: uuid.UUID) -> None:
    """To be called after the commit. Valkey away is no error: the swap is found later."""
    try:
        # By name: the router process wakes the engine without importing it.
        current_app.send_task("swaps.advance", [str(swap_id)])
    except OperationalError as error:
        log.warning("wake-up of swap %s not sent, the sweep will find it: %s", swap_id, error)


def open_the_way() -> None:
    """For a process that starts: the first wake-up it sends should not have to connect.

    Returns at once. What it sends is a sweep, which finds what came due meanwhile.
    """

    def ask() -> None:
        try:
            current_app.send_task("swaps.sweep")
        except OperationalError as error:
            log.info("no way to the broker yet: %s", error)

    threading.Thread(target=ask, name="open-the-way", daemon=True).start()


def wake_swaps_of(model_ids: Iterable[int]) -> None:
    """Wake the open swaps of these models, but for those a worker attends right now."""
    (found,) = run(Statement(_TO_WAKE, {"models": sorted(set(model_ids))}))
    for (swap_id,) in found.rows:
        wake_swap(swap_id)
