"""How long each step of a strategy lasted, as the swap's events tell. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from swaps.domain.states import SwapState
from swaps.readings.swap.events import EventReading


def times_of_steps(events: Sequence[EventReading], steps: int) -> list[timedelta | None]:
    """`events` oldest first. A weight lasts until every node agrees or the next step begins, a
    hold or pause until it is over or was passed; None: not begun, not over, or not told.
    """
    reached: list[tuple[int, datetime]] = []
    for event in events:
        index = event.data.get("step_index")
        moving = event.to_state == SwapState.TRANSITIONING
        if moving and event.from_state != SwapState.TRANSITIONING:
            reached = [(0, event.time)]
        if isinstance(index, int):
            reached.append((index, event.time))
        if reached and not moving and event.from_state == SwapState.TRANSITIONING:
            reached.append((steps, event.time))
    times: list[timedelta | None] = []
    for step in range(steps):
        entered = next((at for index, at in reached if index == step), None)
        left = next((at for index, at in reached if index > step), None)
        times.append(left - entered if entered and left and left > entered else None)
    return times
