"""Wake-ups: ask a worker to look at a swap now. A lost one is found by the sweep."""

import uuid
from collections.abc import Iterable

from swaps.db.statements import Statement, run
from swaps.domain.states import END_STATES
from swaps.live.broker import send_soon

ADVANCE = "swaps.advance"
SWEEP = "swaps.sweep"

# By the words of `one_open_swap_a_model`, whose index finds them.
_TO_WAKE = f"""
SELECT id FROM swaps_swapoperation
 WHERE model_id = ANY(%(models)s) AND NOT queued
   AND state NOT IN ({", ".join(f"'{state}'" for state in sorted(END_STATES))})
   AND (attended_until IS NULL OR attended_until < now())
"""  # noqa: S608 - our own words


def wake_swap(swap_id: uuid.UUID) -> None:
    """To be called after the commit. Never blocks, never raises."""
    send_soon(ADVANCE, (str(swap_id),))


def look_if_due(swap_id: uuid.UUID, *, after_seconds: float = 0.0) -> None:
    """Like a wake-up, but nothing is done unless the swap's next look is due by then."""
    send_soon(ADVANCE, (str(swap_id), True), after_seconds=after_seconds)


def open_the_way() -> None:
    """For a process that starts: the first wake-up it sends should not have to connect.

    Returns at once. What it sends is a sweep, which finds what came due meanwhile.
    """
    send_soon(SWEEP)


def wake_swaps_of(model_ids: Iterable[int]) -> None:
    """Wake the open swaps of these models, but for those a worker attends right now."""
    (found,) = run(Statement(_TO_WAKE, {"models": sorted(set(model_ids))}))
    for (swap_id,) in found.rows:
        wake_swap(swap_id)
