"""The first page: what needs a person, what runs, what waits, what happened. Live."""

from dataclasses import asdict, dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from swaps.access.roles import Role, role_of
from swaps.console.overview.concern_actions import rows_for
from swaps.console.shared.charts import TrafficBar, traffic_bar
from swaps.console.shared.database_clock import database_now
from swaps.console.shared.live_page import render_fragments, render_personal
from swaps.console.shared.pages import show
from swaps.console.shared.visitors import Visitor
from swaps.console.shared.watch import Look
from swaps.console.swap.current_step import step_ends, step_number
from swaps.domain.states import END_STATES, SwapState
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import SwapOperation
from swaps.readings.overview.concerns import Concern, read_concerns
from swaps.readings.overview.figures import FleetFigures, read_figures
from swaps.readings.swap.events import EventReading, recent_events
from swaps.readings.swap.swaps import SwapReading, open_swaps

FOLDER = "overview"
SHARED_FRAGMENTS = ("figures", "running", "queue", "events")
# Those with buttons depend on who looks.
PERSONAL_FRAGMENTS = ("first_steps", "concerns")
EVENTS_SHOWN = 20
PACE_SECONDS = 0.7


@dataclass(frozen=True, slots=True)
class RunningSwap:
    reading: SwapReading
    step_entered: datetime | None

    @property
    def bar(self) -> TrafficBar:
        return traffic_bar(asdict(self.reading.weights), self.reading.to_version)

    @property
    def step_number(self) -> int | None:
        return step_number(self.reading.steps)

    @property
    def step_ends(self) -> datetime | None:
        return step_ends(self.reading.steps, self.step_entered)


@dataclass(frozen=True, slots=True)
class FleetNow:
    """All that the page shows, read at one moment."""

    now: datetime
    figures: FleetFigures
    concerns: list[Concern]
    running: list[RunningSwap]
    queue: list[SwapReading]
    events: list[tuple[SwapOperation, EventReading]]

    @property
    def by_state(self) -> list[tuple[SwapState, int, bool]]:
        """Each with how many swaps are in it, and whether it is an end."""
        return [(s, number, s in END_STATES) for s, number in self.figures.swaps.items()]

    @property
    def beginning(self) -> bool:
        """Nothing was ever swapped here: then it is shown how that is done."""
        return not self.figures.swaps_ever


def look_at_fleet() -> FleetNow:
    now, unended = database_now(), open_swaps()
    going = [swap for swap in unended if not swap.queued]
    entered = dict(
        SwapOperation.objects.filter(pk__in=[swap.id for swap in going]).values_list(
            "pk", "step_entered_at"
        )
    )
    return FleetNow(
        now=now,
        figures=read_figures(),
        concerns=read_concerns(unended, now),
        running=[RunningSwap(swap, entered.get(swap.id)) for swap in going],
        queue=[swap for swap in unended if swap.queued],
        events=recent_events(EVENTS_SHOWN),
    )


@dataclass(frozen=True, slots=True)
class OverviewSubject:
    """The whole fleet, to be watched."""

    def __str__(self) -> str:
        return "the fleet"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look | None:
        fleet = look_at_fleet()

        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, {"fleet": fleet}, fleet.now),
            render_for=render_personal(
                FOLDER, PERSONAL_FRAGMENTS, lambda role: _context(fleet, role)
            ),
            pace=PACE_SECONDS,
        )


def _context(fleet: FleetNow, role: Role | None) -> dict[str, object]:
    return {
        "fleet": fleet,
        "concerns": rows_for(role, fleet.concerns),
        "visitor": Visitor(role),
        "live": {"now": fleet.now},
    }


@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Without script or websocket this is the fleet at the time of loading."""
    return show(request, _context(look_at_fleet(), role_of(request.user)))
