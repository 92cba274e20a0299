"""A decided step, written down: state, event, intents and route revision in one transaction,
so no crash can leave one without the others. Only through `store.write`, which names what was
read: when another worker was first, nothing is changed and StaleSwap is raised.
"""

import uuid
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from swaps.db.statements import Statement, run
from swaps.domain.changes import of_move, of_proceed, of_return
from swaps.domain.decisions import MoveTo, PassReturn, Proceed, Want
from swaps.domain.states import END_STATES, SwapState
from swaps.engine import observed_traffic, queue
from swaps.engine.hosts.leases import HostCall, LeasedCall, lease_statements, leased
from swaps.engine.observe import NODE_IS_CONNECTED, ObservedSwap
from swaps.engine.write import placements
from swaps.engine.write.columns import columns_of
from swaps.engine.write.routes import applied_ms, close_watch, new_revision, watch_drain
from swaps.engine.write.store import StaleSwap, write
from swaps.live.notify import notify_routes
from swaps.live.wake import wake_swap
from swaps.models import SwapOperation
from swaps.models.swap_operations import EventKind

# How long whoever wrote last is left alone with the swap: it acts, calls hosts, and waits for an
# ack or a proof itself, see swaps.engine.advance. Should it die, the sweep comes so much later.
ATTENDED_FOR = timedelta(milliseconds=500)


def move(observed: ObservedSwap, step: MoveTo, *host_calls: HostCall) -> list[LeasedCall]:
    """`host_calls` begin with what the step wants; returns those that may be called now.

    Raises StaleSwap.
    """
    swap = observed.swap
    changes = _onward() | columns_of(of_move(observed.snapshot, step))
    data: dict[str, Any] = {}
    match step.state:
        case SwapState.OLD_VERSION_DRAINING if swap.state != SwapState.ROLLING_BACK:
            data |= _applied(observed)
            changes["routing_update_ms"] = data["routing_update_ms"]
        case SwapState.LOADING_NEW_VERSION:
            # A swap that stood in line was asked for before its source was loaded.
            changes["source_hosts"] = observed.source_now
        case SwapState.TRANSITIONING:
            calls = [view.called_at for view in observed.snapshot.target if view.called_at]
            began = max(min(calls), swap.start_time) if calls else None
            changes["load_began_at"] = began
            # Not when we noticed: that is time of ours.
            ready = observed.ready_at
            changes["ready_at"] = ready if ready and (not began or ready > began) else Now()
        case state if state in END_STATES:
            changes |= {"end_time": Now(), "next_check_at": None, "attended_until": None}
            changes["error_message"] = step.failure if state is SwapState.FAILED else None
    if step.step_index is not None:
        data["step_index"] = step.step_index
    over = step.state in END_STATES
    with transaction.atomic(savepoint=False):
        leased = _write_step(
            observed,
            step,
            host_calls,
            kind=EventKind.TRANSITION,
            reason=step.failure or step.reason,
            to_state=step.state,
            data=data,
            changes=changes,
            locks=[queue.lock_queue_of(swap.pk)] if over else [],
        )
        if over:
            owed, queued = run(placements.owed(swap), queue.first_queued(swap.model_id))
            if owed.touched:
                SwapOperation.objects.filter(pk=swap.pk).update(cleanup_pending=True)
            following = queue.after(swap) if queued.touched else None
            if following is not None:
                transaction.on_commit(lambda: wake_swap(following))
    return leased


def proceed(observed: ObservedSwap, step: Proceed) -> None:
    """Raises StaleSwap."""
    swap = observed.swap
    changes = _onward() | columns_of(of_proceed(observed.snapshot, step))
    moved_on = swap.state == SwapState.TRANSITIONING
    data = _applied(observed) if moved_on else {}
    if step.step_index is not None:
        # In the event too: how long each step lasted is read from there.
        data["step_index"] = step.step_index
    with transaction.atomic(savepoint=False):
        _write_step(
            observed,
            step,
            (),
            kind=EventKind.STEP,
            reason=step.reason,
            to_state=None,
            data=data,
            changes=changes,
        )


def _onward() -> dict[str, Any]:
    return {
        "waiting_for": "",
        "next_check_at": Now(),
        "attended_until": Now() + ATTENDED_FOR,
    }


def _write_step(
    observed: ObservedSwap,
    step: MoveTo | Proceed,
    host_calls: Sequence[HostCall],
    *,
    kind: EventKind,
    reason: str,
    to_state: SwapState | None,
    data: dict[str, Any],
    changes: dict[str, Any],
    locks: Sequence[Statement] = (),
) -> list[LeasedCall]:
    """The swap's row first, but for `locks`: whoever is late stops there, before anything else
    is touched.
    """
    swap, route = observed.swap, step.route
    statements: list[Statement] = []
    if route is not None:
        statements.append(new_revision(observed, route))
        data = data | {"weights": dict(route.weights), "revision": observed.snapshot.revision + 1}
        changes |= {"revision": observed.snapshot.revision + 1, "drain_watch_id": None}
        if _gradual(swap):  # the strategy leaves time to observe something
            changes["counted"] = observed_traffic.counts(swap)
        if swap.drain_watch_id is not None:
            statements.append(close_watch(swap.drain_watch_id))
        if route.watch is not None:
            changes["drain_watch_id"] = watch = uuid.uuid4()
            statements.append(watch_drain(observed, route.watch, watch))
    if step.want is not None:
        statements += placements.intend(observed, step.want)
    if statements:
        notify_routes(swap.model_id)
    write(
        swap,
        kind=kind,
        reason=reason,
        to_state=to_state,
        data=data,
        read_at=observed.snapshot.now,
        locks=locks,
        **changes,
    )
    outcomes = run(*statements, *lease_statements(*host_calls)) if statements or host_calls else []
    if route is not None and outcomes[0].touched != 1:
        raise StaleSwap(
            f"route of {swap.model.name} is no longer revision {observed.snapshot.revision}"
        )
    return leased(host_calls, outcomes[-len(host_calls) :]) if host_calls else []


def _gradual(swap: SwapOperation) -> bool:
    return len(swap.strategy["steps"]) > 1


def _applied(observed: ObservedSwap) -> dict[str, Any]:
    """For the record, as the swap leaves a revision that every node has applied."""
    swap = observed.swap
    data: dict[str, Any] = {"applied": swap.revision, "routing_update_ms": applied_ms(observed)}
    if _gradual(swap):
        data["observed"] = observed_traffic.shares(swap.counted, observed_traffic.counts(swap))
    return data


def pass_return(
    observed: ObservedSwap, step: PassReturn, *host_calls: HostCall
) -> list[LeasedCall]:
    """The point of no return. Raises StaleSwap when route or nodes are not as decided on.

    The route row is locked, so no revision can come between the proof and this commit;
    a node that registers later reads its routes in its own transaction and finds this
    revision or a newer one, which does not name the version any more.
    `host_calls` begin with this commit; returns those that may be called now.
    """
    swap, snapshot = observed.swap, observed.snapshot
    changes = _onward() | columns_of(of_return(snapshot, step))
    with transaction.atomic(savepoint=False):
        write(
            swap,
            kind=EventKind.STEP,
            reason=step.reason,
            data={"point_of_no_return": True, "forced": step.forced},
            read_at=snapshot.now,
            **changes,
        )
        route, nodes, *others = run(
            _lock_route(observed, step.version),
            _nodes(swap, snapshot.revision, forced=step.forced),
            *([close_watch(swap.drain_watch_id)] if swap.drain_watch_id else []),
            *placements.intend(observed, Want(step.version, step.hosts, loaded=False)),
            *lease_statements(*host_calls),
        )
        notify_routes(swap.model_id)
        if route.touched != 1:
            raise StaleSwap(f"route of {swap.model.name} is no longer revision {snapshot.revision}")
        facts = [fact for (fact,) in nodes.rows]
        if snapshot.routed and not (facts and all(facts)):
            lacking = "that has not applied the route" if step.forced else "without a proof"
            raise StaleSwap(f"a node {lacking} appeared")
        return leased(host_calls, others[len(others) - len(host_calls) :])


def _lock_route(observed: ObservedSwap, version: str) -> Statement:
    """No row when it is another revision by now, or names the version."""
    return Statement(
        "SELECT id FROM swaps_route WHERE model_id = %(model)s AND revision = %(seen)s"
        " AND NOT jsonb_exists(weights, %(version)s) FOR UPDATE",
        {
            "model": observed.swap.model_id,
            "seen": observed.snapshot.revision,
            "version": version,
        },
    )


def _nodes(swap: SwapOperation, revision: int, *, forced: bool) -> Statement:
    """Of each that counts: has it proven the version idle; or, when forced, can it not send to
    it any more.
    """
    proven = "EXISTS (SELECT 1 FROM swaps_drainproof WHERE watch_id = %(watch)s"
    proven += " AND incarnation_id = node.id)"
    reached = NODE_IS_CONNECTED
    reached += " AND EXISTS (SELECT 1 FROM swaps_routeonnode seen"
    reached += " JOIN swaps_route route ON route.id = seen.route_id"
    reached += " WHERE route.model_id = %(model)s AND seen.incarnation_id = node.id"
    reached += " AND seen.revision >= %(revision)s)"
    return Statement(
        f"SELECT {reached if forced else proven} FROM swaps_nodeincarnation node"  # noqa: S608 - our own words
        " WHERE node.state IN ('connected', 'away')",
        {"watch": swap.drain_watch_id, "model": swap.model_id, "revision": revision},
    )
