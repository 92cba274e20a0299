"""The only writer of a swap's state, its events, and its model's route.

Every write is a compare-and-swap on `generation`: it names what it read, and when
another worker was first it changes nothing and raises StaleSwap. State, event, intents
and route revision are one transaction, so no crash can leave one without the others.
"""

import uuid
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import BooleanField, Exists, ExpressionWrapper, F, OuterRef, Q
from django.db.models.functions import Now

from swaps.access.roles import ENGINE, Actor
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import Advance, MoveTo, PassReturn, RouteChange, Wait, Want
from swaps.engine import intents, observed_traffic, queue
from swaps.engine.nodes import required_nodes
from swaps.engine.routing import applied_ms, write_route
from swaps.live.broadcast import swap_changed
from swaps.live.wake import wake_swap
from swaps.models import (
    DrainProof,
    DrainWatch,
    Route,
    RouteOnNode,
    SwapEvent,
    SwapOperation,
)
from swaps.models.nodes import NodeState
from swaps.models.swap_operations import EventKind

log = structlog.get_logger("swaps.engine")

# How long whoever wrote last is left alone with the swap: it acts, calls hosts, and waits for an
# ack or a proof itself, see swaps.engine.advance. Should it die, the sweep comes so much later.
ATTENTION = timedelta(milliseconds=500)


class StaleSwap(Exception):
    """Somebody else wrote first: what was decided is no longer about this swap."""


def write(
    swap: SwapOperation,
    *,
    kind: EventKind,
    reason: str,
    actor: Actor = ENGINE,
    to_state: SwapState | None = None,
    data: dict[str, Any] | None = None,
    **changes: Any,
) -> None:
    """One generation and its event. To be called in a transaction. Raises StaleSwap."""
    if to_state is not None:
        changes |= {"state": to_state, "state_entered_at": Now()}
    updated = SwapOperation.objects.filter(pk=swap.pk, generation=swap.generation).update(
        generation=F("generation") + 1, **changes
    )
    if updated != 1:
        raise StaleSwap(f"swap {swap.pk} is past generation {swap.generation}")
    before, generation = swap.state, swap.generation + 1
    SwapEvent.objects.create(
        swap=swap,
        generation=generation,
        kind=kind,
        from_state=before,
        to_state=to_state or before,
        actor=actor.name,
        source=actor.source,
        reason=reason,
        data=data or {},
    )
    swap.generation = generation
    if to_state is not None:
        swap.state = to_state
    log.info(
        "swap",
        swap=str(swap.pk),
        model=swap.model.name,
        from_version=swap.from_version,
        to_version=swap.to_version,
        generation=generation,
        kind=str(kind),
        from_state=str(before),
        to_state=str(swap.state),
        in_state_ms=_milliseconds_in_state(swap),
        actor=actor.name,
        reason=reason,
    )
    announce(swap)


def _milliseconds_in_state(swap: SwapOperation) -> int | None:
    """How long it had been in the state it was read in; None for a swap that was not observed."""
    read_at: datetime | None = getattr(swap, "read_at", None)
    if read_at is None:
        return None
    return round((read_at - swap.state_entered_at).total_seconds() * 1000)


def announce(swap: SwapOperation) -> None:
    """Tell the pages, after the commit."""
    model, generation, pk = swap.model.name, swap.generation, swap.pk
    transaction.on_commit(lambda: swap_changed(swap_id=pk, model_name=model, generation=generation))


def move(swap: SwapOperation, step: MoveTo) -> None:
    """Raises StaleSwap."""
    changes: dict[str, Any] = {
        "step_entered_at": Now(),
        "waiting_for": "",
        "next_check_at": Now(),
        "attended_until": Now() + ATTENTION,
    }
    data: dict[str, Any] = {}
    counted = _counted(swap, step.route)
    match step.state:
        case SwapState.ROLLING_BACK:
            # The request is being honoured: it must not be found again after a roll forward.
            changes |= {"abort_requested": "", "roll_forward_requested": False}
            changes |= {"failure": step.failure, "forced_by": "", "drained_at": None}
            changes |= {"bake_ended": False}
        case SwapState.OLD_VERSION_DRAINING:
            changes |= {"drain_deadline": Now() + timedelta(seconds=swap.drain_timeout_seconds)}
            if swap.state == SwapState.ROLLING_BACK:
                changes |= {"abort_requested": "", "roll_forward_requested": False}
                changes |= {"failure": "", "forced_by": "", "swap_deadline": None}
            else:
                data |= _applied(swap)
                changes["routing_update_ms"] = data["routing_update_ms"]
        case SwapState.LOADING_NEW_VERSION:
            # A swap that stood in line was asked for before its source was loaded.
            changes["source_hosts"] = intents.hosts_of(swap.model_id, swap.from_version)
        case SwapState.TRANSITIONING:
            changes |= {"ready_at": Now(), "load_began_at": intents.load_began_at(swap)}
        case state if state in END_STATES:
            changes |= {"end_time": Now(), "next_check_at": None, "attended_until": None}
            changes["error_message"] = step.failure if state is SwapState.FAILED else None
    with transaction.atomic():
        model = queue.lock_line(swap.model_id) if step.state in END_STATES else None
        changes |= _carry_out(swap, step.route, step.want) | counted
        if step.step_index is not None:
            changes["step_index"] = step.step_index
        if step.state in END_STATES:
            changes["cleanup_pending"] = intents.cleanup_pending(swap)
        write(
            swap,
            kind=EventKind.TRANSITION,
            reason=step.failure or step.reason,
            to_state=step.state,
            data=data | _route_data(step.route, changes),
            **changes,
        )
        if model is not None:
            following = queue.after(swap, model)
            if following is not None:
                transaction.on_commit(lambda: wake_swap(following))


def advance(swap: SwapOperation, step: Advance) -> None:
    """Raises StaleSwap."""
    changes: dict[str, Any] = {
        "step_entered_at": Now(),
        "waiting_for": "",
        "next_check_at": Now(),
        "attended_until": Now() + ATTENTION,
    }
    if step.drained:
        changes["drained_at"] = Now()
    if step.step_index is not None:
        changes["step_index"] = step.step_index
    moved_on = swap.state == SwapState.TRANSITIONING
    data = _applied(swap) if moved_on else {}
    counted = _counted(swap, step.route)
    with transaction.atomic():
        changes |= _carry_out(swap, step.route, step.want) | counted
        write(
            swap,
            kind=EventKind.STEP,
            reason=step.reason,
            data=data | _route_data(step.route, changes),
            **changes,
        )


def _carry_out(swap: SwapOperation, route: RouteChange | None, want: Want | None) -> dict[str, Any]:
    changes: dict[str, Any] = {}
    if want is not None:
        intents.commit(swap, want)
    if route is not None:
        revision, watch = write_route(swap, route)
        changes |= {"revision": revision, "revision_at": Now(), "drain_watch": watch}
        if watch is not None:
            changes["drain_deadline"] = Now() + timedelta(seconds=swap.drain_timeout_seconds)
    return changes


def _counted(swap: SwapOperation, route: RouteChange | None) -> dict[str, Any]:
    """What `_applied` will compare with, where the strategy leaves time to observe anything."""
    if route is None or not _gradual(swap):
        return {}
    return {"counted": observed_traffic.counts(swap)}


def _gradual(swap: SwapOperation) -> bool:
    return len(swap.strategy["steps"]) > 1


def _applied(swap: SwapOperation) -> dict[str, Any]:
    """For the record, as the swap leaves a revision that every node has applied."""
    data: dict[str, Any] = {"applied": swap.revision, "routing_update_ms": applied_ms(swap)}
    if _gradual(swap):
        data["observed"] = observed_traffic.shares(swap.counted, observed_traffic.counts(swap))
    return data


def _route_data(route: RouteChange | None, changes: dict[str, Any]) -> dict[str, Any]:
    if route is None:
        return {}
    return {"weights": dict(route.weights), "revision": changes["revision"]}


def pass_return(swap: SwapOperation, step: PassReturn, snapshot: Snapshot) -> None:
    """The point of no return. Raises StaleSwap when route or nodes are not as decided on.

    The route row is locked, so no revision can come between the proof and this commit;
    a node that registers later reads its routes in its own transaction and finds this
    revision or a newer one, which does not name the version any more.
    """
    with transaction.atomic():
        route = Route.objects.select_for_update().get(model=swap.model_id)
        if route.revision != snapshot.revision or step.version in route.weights:
            raise StaleSwap(f"route of {swap.model.name} is no longer revision {snapshot.revision}")
        if snapshot.routed:
            _require_nodes(swap, route, forced=step.forced)
        if swap.drain_watch_id is not None:
            DrainWatch.objects.filter(pk=swap.drain_watch_id).update(closed_at=Now())
        intents.commit(swap, Want(step.version, step.hosts, loaded=False))
        write(
            swap,
            kind=EventKind.STEP,
            reason=step.reason,
            data={"point_of_no_return": True, "forced": step.forced},
            past_return_at=Now(),
            drained_at=swap.drained_at or Now(),
            unload_called_at=Now(),  # the call follows this commit
            attended_until=Now() + ATTENTION,
            step_entered_at=Now(),
            waiting_for="",
            next_check_at=Now(),
        )


def _require_nodes(swap: SwapOperation, route: Route, *, forced: bool) -> None:
    """Every node has proven the version idle; or, when forced, none can send to it any more."""
    proof = DrainProof.objects.filter(watch=swap.drain_watch_id, incarnation=OuterRef("pk"))
    applied = RouteOnNode.objects.filter(
        route=route, incarnation=OuterRef("pk"), revision__gte=route.revision
    )
    reached = ExpressionWrapper(
        Q(Exists(applied), state=NodeState.CONNECTED), output_field=BooleanField()
    )
    facts = list(
        required_nodes()
        .annotate(fact=reached if forced else Exists(proof))
        .values_list("fact", flat=True)
    )
    if not facts or not all(facts):
        lacking = "that has not applied the route" if forced else "without a proof"
        raise StaleSwap(f"a node {lacking} appeared")


def wait(swap: SwapOperation, step: Wait, *, next_check: Any) -> None:
    """No event: waiting is no news but for its sentence. Raises StaleSwap."""
    updated = SwapOperation.objects.filter(pk=swap.pk, generation=swap.generation).update(
        waiting_for=step.reason, next_check_at=next_check, attended_until=None
    )
    if updated != 1:
        raise StaleSwap(f"swap {swap.pk} is past generation {swap.generation}")
    if swap.waiting_for != step.reason:
        announce(swap)


def postpone(swap: SwapOperation, pause: timedelta) -> None:
    """Somebody else is at work for this swap: look again later."""
    SwapOperation.objects.filter(pk=swap.pk, generation=swap.generation).update(
        next_check_at=Now() + pause
    )


def due(limit: int = 500) -> list[uuid.UUID]:
    """Open swaps whose next look is overdue, the oldest first."""
    open_swaps = SwapOperation.objects.exclude(state__in=END_STATES).filter(queued=False)
    overdue = open_swaps.filter(
        Q(next_check_at=None) | Q(next_check_at__lte=Now()),
        Q(attended_until=None) | Q(attended_until__lt=Now()),
    )
    return list(overdue.order_by("next_check_at").values_list("pk", flat=True)[:limit])
