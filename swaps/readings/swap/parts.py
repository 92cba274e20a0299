"""What a swap's reading is made of: its strategy's steps, hosts, nodes, times, commands."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from swaps.domain.commands import ENTRIES, Accepted, NewSwap, NotPossible, Place
from swaps.domain.deadlines import apply_deadline, load_deadline
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.states import ENTRIES as STATES
from swaps.domain.steps import KINDS
from swaps.domain.strategies import parse_strategy
from swaps.live.gauges import in_flight
from swaps.models import Placement, SwapOperation
from swaps.models.hosts import HostHealth, Observed
from swaps.readings.overview.model_rows import ModelRows, Node
from swaps.readings.shared.json_form import one_of


@dataclass(frozen=True, slots=True)
class StepReading:
    """One step of the strategy."""

    kind: Annotated[str, one_of(kind.kind for kind in KINDS)]
    words: str  # what it does
    weight: int | None  # percent for the new version; null: it moves nothing
    duration_seconds: float | None
    status: Annotated[str, one_of(("done", "current", "pending", "skipped"))]
    seconds_left: float | None


@dataclass(frozen=True, slots=True)
class HostReading:
    """A host of this swap; a status is null where the version is none of that host's business."""

    host: str
    from_status: str | None
    to_status: str | None
    reason: str


@dataclass(frozen=True, slots=True)
class NodeReading:
    """A router node, as it stands to the model's present route."""

    node: str
    connected: bool
    revision: int | None  # the newest it ACKed; null: none yet
    applied: bool
    applied_ms: float | None  # from the revision's commit to this node's ACK
    proven: bool  # its answer to the swap's drain watch
    warm: bool  # the new version has a healthy member in this node's gauges
    refusal: str  # what it refused, in its words; "" when it accepts all
    in_flight: dict[str, int | None]  # from, to: the requests that this node sent


@dataclass(frozen=True, slots=True)
class Timings:
    """What took how long; null while unknown.

    overhead_ms is the whole swap without load, holds and bake. The drain is in it, and
    with it the time that running requests held the drain: drain_ms tells how much that
    may be.
    """

    load_seconds: float | None
    routing_update_ms: float | None
    drain_ms: float | None
    overhead_ms: float | None
    total_seconds: float


def steps_of(swap: SwapOperation, now: datetime) -> list[StepReading]:
    state = SwapState(swap.state)
    readings = []
    for index, step in enumerate(parse_strategy(swap.strategy).steps):
        duration = step.lasts or None
        status = _step_status(state, index, swap.step_index)
        left = None
        if status == "current" and duration is not None and swap.step_entered_at:
            left = max(0.0, (swap.step_entered_at + duration - now).total_seconds())
        seconds = duration.total_seconds() if duration is not None else None
        readings.append(StepReading(step.kind, step.words, step.weight, seconds, status, left))
    return readings


def _step_status(state: SwapState, index: int, current: int) -> str:
    match STATES[state].steps:
        case "current":
            if index == current:
                return "current"
            return "done" if index < current else "pending"
        case "cut-short":
            return "done" if index < current else "skipped"
        case "pending" | "done" | "skipped" as all_of_them:
            return all_of_them


def hosts_of(swap: SwapOperation, rows: ModelRows) -> list[HostReading]:
    placed = {(row.version, row.host.name): row for row in rows.placements}
    names = [*swap.source_hosts, *(h for h in swap.target_hosts if h not in swap.source_hosts)]
    readings = []
    for name in names:
        old = placed.get((swap.from_version or "", name))
        new = placed.get((swap.to_version, name))
        on_target, on_source = name in swap.target_hosts, name in swap.source_hosts
        reasons = [row.observed_reason for row in (new, old) if row is not None]
        host = next((row.host for row in (new, old) if row is not None), None)
        away = host is not None and host.health == HostHealth.UNREACHABLE
        if host is not None and away:
            # What was seen before says nothing about now.
            reasons.insert(0, f"no answer from it: {host.health_reason}")
        readings.append(
            HostReading(
                host=name,
                from_status=_status(old, away=away) if on_source else None,
                to_status=_status(new, away=away) if on_target else None,
                reason="; ".join(reason for reason in reasons if reason),
            )
        )
    return readings


def _status(placed: Placement | None, *, away: bool) -> str:
    return Observed.UNKNOWN.value if placed is None or away else placed.observed


def nodes_of(
    swap: SwapOperation, rows: ModelRows, clusters: Mapping[str, str]
) -> list[NodeReading]:
    """`clusters`: names by version, of those whose counts are this swap's."""

    def count(node: Node, version: str | None) -> int | None:
        cluster = clusters.get(version or "")
        return in_flight(cluster, [node.gauges]) if cluster else None

    proven = rows.proofs.get(swap.drain_watch_id, set())
    committed = rows.route.committed_at if rows.route else None
    readings = []
    for node in rows.nodes:
        on_node = rows.on_nodes.get(node.row.pk)
        applied, acked = rows.applied_on(node), on_node.acked_at if on_node else None
        refused = (
            on_node.nack_detail
            if on_node and rows.route and on_node.nacked_revision == rows.route.revision
            else node.row.nack
        )
        readings.append(
            NodeReading(
                node=node.row.node_id,
                connected=node.row.state == "connected",
                revision=on_node.revision if on_node and on_node.revision else None,
                applied=applied,
                applied_ms=milliseconds(committed, acked) if applied else None,
                proven=node.row.pk in proven,
                warm=(node.row.pk, swap.to_version) in rows.warm,
                refusal=refused,
                in_flight={
                    "from": count(node, swap.from_version),
                    "to": count(node, swap.to_version),
                },
            )
        )
    return readings


def timings_of(swap: SwapOperation, now: datetime) -> Timings:
    total = (swap.end_time or now) - swap.start_time
    load = None
    if swap.ready_at:
        # A version that was loaded already has no load: the swap took over what serves.
        load = swap.ready_at - (swap.load_began_at or swap.ready_at)
    drain = milliseconds(swap.revision_at, swap.drained_at)
    overhead = None
    if swap.state == SwapState.COMPLETED and load is not None and not _waited_for_people(swap):
        bake = timedelta()
        if swap.drained_at and swap.past_return_at and swap.keep_warm_seconds:
            bake = swap.past_return_at - swap.drained_at
        overhead = max(0.0, (total - load - _holds(swap) - bake).total_seconds() * 1000)
    return Timings(
        load_seconds=load.total_seconds() if load is not None else None,
        routing_update_ms=swap.routing_update_ms,
        drain_ms=drain,
        overhead_ms=round(overhead, 3) if overhead is not None else None,
        total_seconds=total.total_seconds(),
    )


def _holds(swap: SwapOperation) -> timedelta:
    steps = parse_strategy(swap.strategy).steps
    return sum((step.lasts or timedelta() for step in steps), timedelta())


def _waited_for_people(swap: SwapOperation) -> bool:
    """Then nobody knows which part of the time was ours."""
    pauses = any(step.lasts is None for step in parse_strategy(swap.strategy).steps)
    return pauses or swap.promoted_full or swap.promoted_steps > 0


def milliseconds(began: datetime | None, ended: datetime | None) -> float | None:
    if began is None or ended is None or ended < began:
        return None
    return round((ended - began).total_seconds() * 1000, 3)


def commands_of(swap: SwapOperation, rows: ModelRows) -> dict[str, str | None]:
    """Each command with the reason why it is not possible now; null: it is."""
    reasons: dict[str, str | None] = {}
    place = Place(SwapState(swap.state), past_return=swap.past_return_at is not None)
    for command, entry in ENTRIES.items():
        match entry.check(place):
            case NotPossible(reason):
                reasons[command.value] = reason
            case NewSwap():
                reasons[command.value] = _why_not_back(swap, rows)
            case Accepted() if entry.hindrance is not None:
                reasons[command.value] = entry.hindrance(_snapshot(swap, rows)) or None
            case Accepted():
                reasons[command.value] = None
    return reasons


def _why_not_back(swap: SwapOperation, rows: ModelRows) -> str | None:
    """Of what is completed, which takes a new swap."""
    if swap.from_version is None:
        return "it put the first version in place: there is no way back from it"
    if rows.open_swap is not None:
        return f"{rows.model.name} has an open swap, and there is one at a time"
    if rows.weights.get(swap.to_version) != 100:
        return f"{swap.to_version} does not hold all traffic any more"
    return None


def _snapshot(swap: SwapOperation, rows: ModelRows) -> Snapshot:
    """As much of it as is read here: of hosts what their rows say."""
    placed = {row.host.name: row for row in rows.placements if row.version == swap.to_version}
    target = [
        HostView(host, False, placed[host].observed, placed[host].observed_reason)
        if host in placed
        else HostView(host, False, Observed.UNKNOWN)
        for host in swap.target_hosts
    ]
    return Snapshot(
        now=rows.now,
        state=SwapState(swap.state),
        from_version=swap.from_version,
        to_version=swap.to_version,
        target=tuple(target),
        routed=swap.revision is not None,
    )


def deadline_of(swap: SwapOperation, rows: ModelRows) -> datetime | None:
    """When the present state's time is up, or the whole swap's, whichever is first."""
    state = SwapState(swap.state)
    if state in END_STATES:
        return None
    deadlines = [swap.swap_deadline]
    deadlines.append(
        load_deadline(
            state,
            state_entered_at=swap.state_entered_at,
            reloading_since=swap.reloading_since,
            timeout=timedelta(seconds=swap.load_timeout_seconds),
        )
    )
    if state is SwapState.TRANSITIONING and not rows.applied:
        timeout = timedelta(seconds=swap.apply_timeout_seconds)
        deadlines.append(apply_deadline(swap.revision_at, timeout=timeout))
    draining = STATES[state].drains
    if draining and swap.drained_at is None and swap.past_return_at is None:
        deadlines.append(swap.drain_deadline)
    return min((deadline for deadline in deadlines if deadline), default=None)
