"""A swap's timeline."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from swaps.models import SwapEvent, SwapOperation
from swaps.models.swap_operations import EventKind
from swaps.readings.shared.json_form import Reading, one_of


@dataclass(frozen=True, slots=True)
class EventReading(Reading):
    time: datetime
    kind: Annotated[str, one_of(EventKind.values)]
    from_state: str | None
    to_state: str | None
    actor: str
    source: str
    reason: str
    generation: int
    data: dict[str, Any]


def read_events(
    swap: SwapOperation, *, after: int = -1, limit: int | None = None
) -> list[EventReading]:
    """The oldest first; `after`: only those of a later generation."""
    events = SwapEvent.objects.filter(swap=swap, generation__gt=after).order_by("generation")
    return [_reading(event) for event in (events if limit is None else events[:limit])]


def recent_events(limit: int = 20) -> list[tuple[SwapOperation, EventReading]]:
    """The newest of all swaps, for the overview."""
    events = SwapEvent.objects.select_related("swap__model").order_by("-id")[:limit]
    return [(event.swap, _reading(event)) for event in events]


def _reading(event: SwapEvent) -> EventReading:
    return EventReading(
        time=event.at,
        kind=event.kind,
        from_state=event.from_state or None,
        to_state=event.to_state or None,
        actor=event.actor,
        source=event.source,
        reason=event.reason,
        generation=event.generation,
        data=event.data,
    )
