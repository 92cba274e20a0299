"""What waits for a person, all over the fleet: why, and what it is about. The gravest first."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.db.models import F, Q

from swaps.db import writability
from swaps.domain.drift import Drift, drift_of
from swaps.domain.states import END_STATES, SwapState
from swaps.models import (
    ModelHost,
    NodeIncarnation,
    Placement,
    Route,
    RouteOnNode,
    ServedModel,
    SwapOperation,
    UnprotectRequest,
)
from swaps.models.hosts import Desired, HostHealth, Observed
from swaps.models.nodes import REQUIRED_NODE_STATES, NodeState, required_nodes
from swaps.readings.overview.service_health import read_service_health
from swaps.readings.swap.swaps import SwapReading

# Of one kind: a page that lists a thousand hosts is read by nobody.
MOST = 20


class Kind(StrEnum):
    """From the gravest: first what holds traffic or requests up."""

    NO_WRITES = "no-writes"  # nothing can be changed, and nothing moves
    SERVICE_DOWN = "service-down"  # a part of Hotswap itself, without which swaps stand
    NO_NODE = "no-node"  # nothing can be applied, and nothing counts as drained
    DRAIN_OVERDUE = "drain-overdue"  # the operator is asked: extend, roll back, force
    NODE_REFUSES = "node-refuses"
    NODE_AWAY = "node-away"
    HOST_AWAY = "host-away"
    NOT_LOADED = "not-loaded"  # wanted, not there, and no swap sees to it
    QUEUE_HELD = "queue-held"
    APPROVAL = "approval"
    PROMOTION = "promotion"
    PAUSED = "paused"
    UNPROTECT = "unprotect"
    SERVICE = "service"  # a part of Hotswap itself, without which they are slower
    CLEANUP = "cleanup"
    DRIFT = "drift"  # loaded by somebody else beside what serves


@dataclass(frozen=True, slots=True)
class Concern:
    """`reason` is a sentence; of what it is about, the names that it has."""

    kind: Kind
    about: str
    reason: str
    since: datetime | None = None
    swap: uuid.UUID | None = None
    model: str = ""
    host: str = ""
    node: str = ""  # the nonce of a run of it
    part: str = ""  # of Hotswap itself


def read_concerns(unended: Sequence[SwapReading], now: datetime) -> list[Concern]:
    """`unended`: every swap that is not over; `now` by the database. At most MOST of a kind."""
    found = [
        *_of_the_database(),
        *_of_swaps(unended, now),
        *_of_models(),
        *_of_hosts(),
        *_of_placements({swap.model_name for swap in unended}),
        *_of_nodes(),
        *_of_cleanup(),
        *_of_services(),
    ]
    order = list(Kind)
    return sorted(found, key=lambda one: order.index(one.kind))


def _of_the_database() -> Iterator[Concern]:
    if no_writes := writability.known():
        yield Concern(Kind.NO_WRITES, "Postgres", f"{no_writes}. Swaps go on once it can be.")


def _of_swaps(unended: Iterable[SwapReading], now: datetime) -> Iterator[Concern]:
    for swap in unended:
        kind = _asks(swap, now)
        if kind is not None:
            reason = swap.waiting_for or "It waits for a person."
            if kind is Kind.DRAIN_OVERDUE and "time is over" not in reason:
                reason = f"The time of its drain is over. {reason}"
            yield Concern(
                kind,
                f"{swap.model_name} {swap.from_version or 'nothing'} → {swap.to_version}",
                reason,
                swap=swap.id,
                model=swap.model_name,
                since=swap.deadline if kind is Kind.DRAIN_OVERDUE else None,
            )


def _asks(swap: SwapReading, now: datetime) -> Kind | None:
    """What of a swap waits for a person."""
    if swap.approval is not None and swap.approval.status == "waiting":
        return Kind.APPROVAL
    drains = swap.state in {SwapState.OLD_VERSION_DRAINING, SwapState.ROLLING_BACK}
    if drains and swap.deadline is not None and swap.deadline <= now:
        return Kind.DRAIN_OVERDUE
    if swap.state != SwapState.TRANSITIONING:
        return None
    if swap.paused:
        return Kind.PAUSED
    current = next((step for step in swap.steps if step.status == "current"), None)
    asks = current is not None and current.weight is None and current.duration_seconds is None
    return Kind.PROMOTION if asks else None


def _of_models() -> Iterator[Concern]:
    for name, why in ServedModel.objects.exclude(queue_held_reason="").values_list(
        "name", "queue_held_reason"
    )[:MOST]:
        yield Concern(Kind.QUEUE_HELD, name, f"The queue is held: {why}.", model=name)
    for asked in UnprotectRequest.objects.select_related("model")[:MOST]:
        words = f"{asked.requested_by} asks to give up the protection"
        yield Concern(
            Kind.UNPROTECT,
            asked.model.name,
            f"{words}: {asked.reason}" if asked.reason else f"{words}.",
            since=asked.requested_at,
            model=asked.model.name,
        )


def _of_hosts() -> Iterator[Concern]:
    for host in ModelHost.objects.filter(health=HostHealth.UNREACHABLE)[:MOST]:
        words = host.health_reason or "nobody knows why"
        yield Concern(
            Kind.HOST_AWAY,
            host.name,
            f"The host does not answer: {words}.",
            since=host.last_seen_at,
            host=host.name,
        )


def _of_placements(swapping: set[str]) -> Iterator[Concern]:
    """Drift on hosts that answer, where no swap is about to change it."""
    gone = ~Q(observed__in=[Observed.READY, Observed.UNKNOWN])
    there = Q(observed__in=[Observed.READY, Observed.LOADING])
    rows = (
        Placement.objects.select_related("model", "host")
        .filter(Q(desired=Desired.LOADED) & gone | Q(desired=Desired.ABSENT) & there)
        .filter(host__health=HostHealth.HEALTHY)
        .exclude(model__name__in=swapping)
    )
    # Of a model that serves nothing yet, what is loaded is what will be taken over.
    serving = set(Route.objects.exclude(weights={}).values_list("model", flat=True))
    for row in rows[:MOST]:
        drift = drift_of(
            wanted=row.desired == Desired.LOADED,
            seen=row.observed,
            unload_owed=row.unload_owed,
            swapped_in=False,
        )
        if drift is Drift.MISSING:
            why = f": {row.observed_reason}" if row.observed_reason else ""
            yield _of_placement(
                Kind.NOT_LOADED, row, f"Wanted on {row.host.name}, but {row.observed} there{why}."
            )
        elif drift is Drift.UNASKED and row.model_id in serving:
            words = f"Loaded on {row.host.name}, and not by Hotswap, which leaves it alone."
            yield _of_placement(Kind.DRIFT, row, words)


def _of_placement(kind: Kind, row: Placement, reason: str) -> Concern:
    name = row.model.name
    return Concern(kind, f"{name} {row.version}", reason, model=name, host=row.host.name)


def _of_nodes() -> Iterator[Concern]:
    required = list(required_nodes())
    connected = [node for node in required if node.state == NodeState.CONNECTED]
    if not connected and Route.objects.exclude(weights={}).exists():
        words = "No Envoy is connected: nothing can be applied, and nothing counts as drained."
        yield Concern(Kind.NO_NODE, "router", words)
    for node in [node for node in required if node.state == NodeState.AWAY][:MOST]:
        words = "Away, and may still send traffic by its old routes: drains wait for it."
        yield Concern(Kind.NODE_AWAY, node.node_id, words, since=node.last_seen_at, node=node.nonce)
    for node in [node for node in required if node.nack][:MOST]:
        yield _refusal(node, node.nack)
    refusing = RouteOnNode.objects.select_related("incarnation", "route__model").filter(
        Q(incarnation__state__in=REQUIRED_NODE_STATES),
        nacked_revision=F("route__revision"),
    )
    for row in refusing[:MOST]:
        yield _refusal(row.incarnation, f"the route of {row.route.model.name}: {row.nack_detail}")


def _refusal(node: NodeIncarnation, words: str) -> Concern:
    return Concern(Kind.NODE_REFUSES, node.node_id, f"It refuses {words}".rstrip(".") + ".")


def _of_services() -> Iterator[Concern]:
    """One for each part, with all that is wrong with it."""
    findings = read_service_health().findings()
    for part in dict.fromkeys(one.part for one in findings):
        wrong = [one for one in findings if one.part is part]
        yield Concern(
            Kind.SERVICE_DOWN if any(one.grave for one in wrong) else Kind.SERVICE,
            f"{part.value[0].upper()}{part.value[1:]}",
            " ".join(one.reason for one in wrong),
            since=min((one.since for one in wrong if one.since), default=None),
            part=part.value.replace(" ", "-"),
        )


def _of_cleanup() -> Iterator[Concern]:
    owing = SwapOperation.objects.select_related("model").filter(
        cleanup_pending=True, state__in=END_STATES
    )
    for swap in owing[:MOST]:
        left = swap.from_version if swap.state == SwapState.COMPLETED else swap.to_version
        yield Concern(
            Kind.CLEANUP,
            str(swap),
            f"It is over, but {left} is still to be unloaded; it is tried again and again.",
            since=swap.end_time,
            swap=swap.pk,
            model=swap.model.name,
        )
