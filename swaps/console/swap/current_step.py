"""Which step of a strategy runs, and when a clock ends it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from swaps.readings.swap.parts import StepReading


def step_number(steps: Sequence[StepReading]) -> int | None:
    """From 1; None where there is one step only, or none runs."""
    statuses = [step.status for step in steps]
    if len(statuses) < 2 or "current" not in statuses:
        return None
    return statuses.index("current") + 1


def step_ends(steps: Sequence[StepReading], entered: datetime | None) -> datetime | None:
    """When the hold that runs is over; None where no clock ends the step."""
    current = next((step for step in steps if step.status == "current"), None)
    if current is None or current.duration_seconds is None or entered is None:
        return None
    return entered + timedelta(seconds=current.duration_seconds)
