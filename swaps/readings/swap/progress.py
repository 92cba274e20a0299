"""What of a swap moves between two events: for those who follow it live."""

from dataclasses import dataclass, fields
from datetime import datetime

from swaps.readings.shared.json_form import Reading
from swaps.readings.swap.parts import NodeReading, StepReading
from swaps.readings.swap.swaps import SwapReading, Weights


@dataclass(frozen=True, slots=True)
class ProgressReading(Reading):
    """The fields of a swap that change by themselves; they mean the same here as there."""

    state: str
    phase: str
    generation: int
    weights: Weights
    in_flight: dict[str, int | None]
    waiting_for: str | None
    deadline: datetime | None
    step_index: int
    steps: list[StepReading]
    nodes: list[NodeReading]
    paused: bool


def progress_of(swap: SwapReading) -> ProgressReading:
    return ProgressReading(**{one.name: getattr(swap, one.name) for one in fields(ProgressReading)})
