"""A swap as its page shows it: read once, then each fragment rendered from it.

The page, the answer to a command and the websocket all render these same fragments, so a
reload, a click and a push cannot tell different stories. A fragment's name is the id of
its element (`swap-NAME`) and of its template (`console/swap/NAME.html`).
"""

import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.template.loader import render_to_string

from swaps.access.roles import Action, Actor, Role
from swaps.console.shared.charts import (
    LEAST_MS,
    LEAST_PERCENT,
    LineChart,
    Sample,
    TrafficBar,
    highest_of_each_part,
    in_flight_chart,
    record_chart,
    traffic_bar,
)
from swaps.console.shared.database_clock import database_now
from swaps.console.shared.watch import Look
from swaps.console.swap.buttons import buttons
from swaps.console.swap.current_step import step_ends, step_number
from swaps.console.swap.host_charts import HostChart, host_charts
from swaps.console.swap.host_flight import HostFlight, flight_on_hosts
from swaps.console.swap.in_flight_history import keep_sample, samples_of
from swaps.console.swap.state_strip import Mark, Visit, state_strip
from swaps.console.swap.step_times import times_of_steps
from swaps.console.swap.traffic_life import life_of
from swaps.domain.states import END_STATES, ENTRIES, SwapState
from swaps.live.broadcast import swap_group
from swaps.models import SwapOperation
from swaps.readings.swap.events import EventReading, read_events
from swaps.readings.swap.parts import StepReading
from swaps.readings.swap.swaps import SwapReading, read_swap
from swaps.readings.swap.traffic_record import Tally, TrafficRecord

# Those that are the same for whoever looks; the commands depend on the reader's role.
SHARED_FRAGMENTS = (
    *("head", "now", "approval", "flight", "by_host", "life", "nodes", "timeline", "clock"),
)
# Above all, and those about the drain beside it.
PERSONAL_FRAGMENTS = ("commands", "drain")
# Then nothing runs on a host for its sake.
NOT_ON_HOSTS = {SwapState.NOT_STARTED, *END_STATES}


@dataclass(frozen=True, slots=True)
class LiveSwap:
    reading: SwapReading
    events: list[EventReading]  # oldest first
    failure: str  # why the engine gave up, once it did
    step_entered: datetime | None  # when the present step of the strategy began
    samples: tuple[Sample, ...]
    life: TrafficRecord  # its kept samples, up to now
    on_hosts: HostFlight  # what hosts say of what they execute
    now: datetime

    @property
    def state(self) -> SwapState:
        return SwapState(self.reading.state)

    @property
    def ended(self) -> bool:
        return self.state in END_STATES

    @property
    def outcome(self) -> str:
        return ENTRIES[self.state].tone if self.ended else ""

    @property
    def old(self) -> str | None:
        return self.reading.from_version

    @property
    def new(self) -> str:
        return self.reading.to_version

    @property
    def strip(self) -> list[Mark]:
        return state_strip(self._visits(self.events), gave_up=bool(self.failure))

    def strip_after(self, event: EventReading) -> list[Mark]:
        """The strip as it was right after `event`."""
        until = self.events.index(event) + 1
        return state_strip(self._visits(self.events[:until]), gave_up=bool(self.failure))

    def _visits(self, events: Sequence[EventReading]) -> list[Visit]:
        visits = [Visit(SwapState.NOT_STARTED, self.reading.start_time)]
        for event in events:
            if event.to_state and event.to_state != visits[-1].state:
                visits.append(Visit(SwapState(event.to_state), event.time))
        return visits

    @property
    def bar(self) -> TrafficBar:
        return traffic_bar(asdict(self.reading.weights), self.new)

    @property
    def traffic_in_words(self) -> str:
        """For whoever does not see the bar."""
        requested = self.reading.weights.requested
        sides = [
            f"{version or 'nothing'} {_percent(requested, version)}"
            for version in (self.old, self.new)
        ]
        return f"Traffic: {' and '.join(sides)} requested"

    @property
    def record(self) -> TrafficRecord | None:
        """Of what is over."""
        return self.life if self.ended else None

    @property
    def chart(self) -> LineChart:
        """While it runs the last minute; of what is over, the whole of it."""
        if self.record is None or (self.samples and not self.record.moments):
            return in_flight_chart(self.samples, self.samples[-1].at if self.samples else 0.0)
        kept = [
            Sample(one.at.timestamp(), one.old.in_flight, one.new.in_flight)
            for one in self.record.moments
        ]
        return record_chart(kept, self._entered)

    @property
    def host_charts(self) -> list[HostChart]:
        """While something of it may run there."""
        hosts = [] if self.state in NOT_ON_HOSTS else [on.host for on in self.reading.hosts]
        return host_charts(hosts, self.on_hosts)

    @property
    def errors_chart(self) -> LineChart:
        """From beginning to now, or to its end."""
        rates = [
            Sample(one.at.timestamp(), one.old.errors_percent, one.new.errors_percent)
            for one in self.life.moments
        ]
        return record_chart(highest_of_each_part(rates), self._entered, least=LEAST_PERCENT)

    @property
    def latency_chart(self) -> LineChart:
        times = [
            Sample(one.at.timestamp(), one.old.p95_ms, one.new.p95_ms) for one in self.life.moments
        ]
        return record_chart(highest_of_each_part(times), self._entered, least=LEAST_MS)

    @property
    def _entered(self) -> list[float]:
        return [visit.entered.timestamp() for visit in self._visits(self.events)]

    @property
    def steps(self) -> list[tuple[StepReading, timedelta | None]]:
        """Each with how long it lasted, once it is over."""
        steps = self.reading.steps
        return list(zip(steps, times_of_steps(self.events, len(steps)), strict=True))

    @property
    def lasted(self) -> timedelta:
        return (self.reading.end_time or self.now) - self.reading.start_time

    @property
    def tallies(self) -> list[tuple[str, str, Tally]]:
        """Of what is over: for each version that was counted its side, name and numbers."""
        if self.record is None:
            return []
        sides = (("old", self.old, self.record.old), ("new", self.new, self.record.new))
        return [(side, name, tally) for side, name, tally in sides if name and tally]

    @property
    def nodes_proven(self) -> int | None:
        """How many router nodes have proven the version that drains idle; None: none drains."""
        if not ENTRIES[self.state].drains:
            return None
        return sum(node.proven for node in self.reading.nodes)

    @property
    def draining(self) -> str | None:
        """The version that loses its requests."""
        return self.new if self.state is SwapState.ROLLING_BACK else self.old

    @property
    def step_number(self) -> int | None:
        return step_number(self.reading.steps)

    @property
    def step_ends(self) -> datetime | None:
        return step_ends(self.reading.steps, self.step_entered)

    @property
    def asks_operator(self) -> bool:
        """The drain's time is over, and only a person can move it on."""
        deadline = self.reading.deadline
        return not self.ended and deadline is not None and deadline <= self.now


def _percent(weights: Mapping[str, int] | None, version: str | None) -> str:
    percent = None if weights is None or version is None else weights.get(version)
    return "–" if percent is None else f"{percent} %"


@dataclass(frozen=True, slots=True)
class SwapSubject:
    """A swap, to be watched."""

    swap_id: uuid.UUID

    def __str__(self) -> str:
        return f"swap {self.swap_id}"

    @property
    def group(self) -> str:
        return swap_group(self.swap_id)

    def look(self, after: int | None) -> Look | None:
        """`after`: the generation everybody has seen."""
        live = look_at_swap(self.swap_id)
        if live is None:
            return None
        if not live.ended:
            counts = live.reading.in_flight
            keep_sample(self.swap_id, Sample(time.monotonic(), counts["from"], counts["to"]))
        new = [e for e in live.events if after is not None and e.generation > after]
        return Look(
            shared=render_shared(live),
            render_for=lambda roles: render_commands(live, roles),
            events=tuple(render_event(live, event) for event in new),
            mark=live.reading.generation,
            ended=live.ended,
        )


def look_at_swap(swap_id: uuid.UUID) -> LiveSwap | None:
    """The swap as it is now; None when there is none of that id."""
    swap = SwapOperation.objects.select_related("model").filter(pk=swap_id).first()
    if swap is None:
        return None
    return LiveSwap(
        reading=read_swap(swap),
        # Not those of writes after our row: they come with the next look, once.
        events=[event for event in read_events(swap) if event.generation <= swap.generation],
        failure=swap.failure,
        step_entered=swap.step_entered_at,
        samples=samples_of(swap_id),
        life=life_of(swap),
        on_hosts=HostFlight() if swap.state in NOT_ON_HOSTS else flight_on_hosts(swap),
        now=database_now(),
    )


def render_shared(live: LiveSwap) -> dict[str, str]:
    return {name: _render(name, live, oob=True) for name in SHARED_FRAGMENTS}


def render_commands(live: LiveSwap, roles: Iterable[Role]) -> dict[Role, str]:
    return {
        role: "".join(_render(name, live, oob=True, role=role) for name in PERSONAL_FRAGMENTS)
        for role in roles
    }


def render_event(live: LiveSwap, event: EventReading) -> str:
    """One event: a line for the timeline, and the strip as it was right after it."""
    strip = render_to_string(
        "console/swap/head.html",
        {"strip": live.strip_after(event), "generation": event.generation, "oob": True},
    )
    return strip + render_to_string("console/swap/event_added.html", {"event": event})


def swap_context(live: LiveSwap, role: Role | None) -> dict[str, object]:
    """What the fragments need when they are part of the whole page."""
    return {
        "live": live,
        "strip": live.strip,
        "generation": live.reading.generation,
        **_personal(live, role),
    }


def _render(
    name: str,
    live: LiveSwap,
    *,
    oob: bool,
    role: Role | None = None,
) -> str:
    context: dict[str, object] = {"live": live, "oob": oob}
    if name == "head":
        context |= {"strip": live.strip, "generation": live.reading.generation}
    if name in PERSONAL_FRAGMENTS:
        context |= _personal(live, role)
    return render_to_string(f"console/swap/{name}.html", context)


def _personal(live: LiveSwap, role: Role | None) -> dict[str, object]:
    reading = live.reading
    shown = buttons(role, live.state, reading.commands, paused=reading.paused)
    return {
        "buttons": [button for button in shown if not button.beside_the_drain],
        "drain_buttons": [button for button in shown if button.beside_the_drain],
        "approve_buttons": _may_decide(live, role),
    }


def _may_decide(live: LiveSwap, role: Role | None) -> bool:
    """Whether it waits for a word that this role may give; the dialog says to whom it may not."""
    approval = live.reading.approval
    waiting = approval is not None and approval.status == "waiting"
    return waiting and Actor("", role, "console").may(Action.APPROVE)
