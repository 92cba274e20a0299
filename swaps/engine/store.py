"""The only writer of a swap's state, its events, and its model's route.

Every write is a compare-and-swap on `generation`: it names what it read, and when
another worker was first it changes nothing and raises StaleSwap. State, event, intents
and route revision are one transaction, so no crash can leave one without the others.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Model, Q
from django.db.models.functions import Now

from swaps.access.roles import ENGINE, Actor
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import Advance, MoveTo, PassReturn, Wait, Want
from swaps.engine import intents, observed_traffic, queue
from swaps.engine.effects import Begun, Effect, beginning, begun
from swaps.engine.observe import Sighting
from swaps.engine.routing import (
    applied_ms,
    close_watch,
    new_revision,
    tell_routers,
    watch_drain,
)
from swaps.live.broadcast import swap_changed
from swaps.live.wake import wake_swap
from swaps.models import SwapEvent, SwapOperation
from swaps.models.statements import Statement, run
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
    read_at: datetime | None = None,
    **changes: Any,
) -> None:
    """One generation and its event. To be called in a transaction. Raises StaleSwap.

    `changes`: columns and their values, or expressions of Django's. `read_at`: when the swap
    was read, for the log.
    """
    before, generation = swap.state, swap.generation + 1
    if to_state is not None:
        changes |= {"state": to_state, "state_entered_at": Now()}
    event = {
        "swap_id": swap.pk,
        "generation": generation,
        "at": Now(),
        "kind": kind,
        "from_state": before,
        "to_state": to_state or before,
        "actor": actor.name,
        "source": actor.source,
        "reason": reason,
        "data": data or {},
    }
    (written,) = run(_compare_and_swap(swap, changes | {"generation": generation}, event))
    if written.touched != 1:
        raise StaleSwap(f"swap {swap.pk} is past generation {swap.generation}")
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
        in_state_ms=_milliseconds(swap.state_entered_at, read_at),
        actor=actor.name,
        reason=reason,
    )
    announce(swap)


def _compare_and_swap(
    swap: SwapOperation, changes: dict[str, Any], event: dict[str, Any]
) -> Statement:
    """The swap's row, if it is as it was read, and its event, if the row was."""
    sets, set_values = _terms(SwapOperation, changes)
    columns, values = _terms(SwapEvent, event)
    return Statement(
        f"""
        WITH written AS (
          UPDATE swaps_swapoperation SET {", ".join(f'"{one}" = {sql}' for one, sql in sets)}
           WHERE id = %s AND generation = %s RETURNING id)
        INSERT INTO swaps_swapevent ({", ".join(f'"{one}"' for one, _ in columns)})
        SELECT {", ".join(sql for _, sql in columns)} FROM written
        """,  # noqa: S608 - names of columns
        [*set_values, swap.pk, swap.generation, *values],
    )


def _terms(model: type[Model], changes: dict[str, Any]) -> tuple[list[tuple[str, str]], list[Any]]:
    """Each column with its SQL, and the parameters in their order."""
    compiler = model._default_manager.all().query.get_compiler("default")
    terms: list[tuple[str, str]] = []
    parameters: list[Any] = []
    for name, value in changes.items():
        field: Any = model._meta.get_field(name)
        if hasattr(value, "resolve_expression"):
            sql, own = compiler.compile(value.resolve_expression(compiler.query))
            parameters += own
        else:
            sql = "%s"
            parameters.append(field.get_db_prep_save(value, compiler.connection))
        terms.append((field.column, sql))
    return terms, parameters


def _milliseconds(began: datetime, ended: datetime | None) -> int | None:
    return None if ended is None else round((ended - began).total_seconds() * 1000)


def announce(swap: SwapOperation) -> None:
    """Tell the pages, after the commit."""
    model, generation, pk = swap.model.name, swap.generation, swap.pk
    transaction.on_commit(lambda: swap_changed(swap_id=pk, model_name=model, generation=generation))


def move(sighting: Sighting, step: MoveTo, *effects: Effect) -> list[Begun]:
    """`effects` begin with what the step wants; returns those that may be called now.

    Raises StaleSwap.
    """
    swap = sighting.swap
    changes = _onward()
    data: dict[str, Any] = {}
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
                data |= _applied(sighting)
                changes["routing_update_ms"] = data["routing_update_ms"]
        case SwapState.LOADING_NEW_VERSION:
            # A swap that stood in line was asked for before its source was loaded.
            changes["source_hosts"] = sighting.source_now
        case SwapState.TRANSITIONING:
            calls = [view.called_at for view in sighting.snapshot.target if view.called_at]
            began = max(min(calls), swap.start_time) if calls else None
            changes["load_began_at"] = began
            # Not when we noticed: that is time of ours.
            ready = sighting.ready_at
            changes["ready_at"] = ready if ready and (not began or ready > began) else Now()
        case state if state in END_STATES:
            changes |= {"end_time": Now(), "next_check_at": None, "attended_until": None}
            changes["error_message"] = step.failure if state is SwapState.FAILED else None
    if step.step_index is not None:
        changes["step_index"] = step.step_index
    with transaction.atomic(savepoint=False):
        model = queue.lock_line(swap.model_id) if step.state in END_STATES else None
        begun = _write_step(
            sighting,
            step,
            effects,
            kind=EventKind.TRANSITION,
            reason=step.failure or step.reason,
            to_state=step.state,
            data=data,
            changes=changes,
        )
        if model is not None:
            if intents.cleanup_pending(swap):
                SwapOperation.objects.filter(pk=swap.pk).update(cleanup_pending=True)
            following = queue.after(swap, model)
            if following is not None:
                transaction.on_commit(lambda: wake_swap(following))
    return begun


def advance(sighting: Sighting, step: Advance) -> None:
    """Raises StaleSwap."""
    changes = _onward()
    if step.drained:
        changes["drained_at"] = Now()
    if step.step_index is not None:
        changes["step_index"] = step.step_index
    moved_on = sighting.swap.state == SwapState.TRANSITIONING
    with transaction.atomic(savepoint=False):
        _write_step(
            sighting,
            step,
            (),
            kind=EventKind.STEP,
            reason=step.reason,
            to_state=None,
            data=_applied(sighting) if moved_on else {},
            changes=changes,
        )


def _onward() -> dict[str, Any]:
    return {
        "step_entered_at": Now(),
        "waiting_for": "",
        "next_check_at": Now(),
        "attended_until": Now() + ATTENTION,
    }


def _write_step(
    sighting: Sighting,
    step: MoveTo | Advance,
    effects: Sequence[Effect],
    *,
    kind: EventKind,
    reason: str,
    to_state: SwapState | None,
    data: dict[str, Any],
    changes: dict[str, Any],
) -> list[Begun]:
    """The swap's row first: whoever is late stops there, before anything else is touched."""
    swap, route = sighting.swap, step.route
    statements: list[Statement] = []
    if route is not None:
        statements.append(new_revision(sighting, route))
        data = data | {"weights": dict(route.weights), "revision": sighting.snapshot.revision + 1}
        changes |= {"revision": sighting.snapshot.revision + 1, "revision_at": Now()}
        changes["drain_watch_id"] = None
        if _gradual(swap):  # the strategy leaves time to observe something
            changes["counted"] = observed_traffic.counts(swap)
        if swap.drain_watch_id is not None:
            statements.append(close_watch(swap.drain_watch_id))
        if route.watch is not None:
            changes["drain_watch_id"] = watch = uuid.uuid4()
            changes["drain_deadline"] = Now() + timedelta(seconds=swap.drain_timeout_seconds)
            statements.append(watch_drain(sighting, route.watch, watch))
    if step.want is not None:
        statements += intents.intend(sighting, step.want)
    if statements:
        statements.append(tell_routers(swap.model_id))
    write(
        swap,
        kind=kind,
        reason=reason,
        to_state=to_state,
        data=data,
        read_at=sighting.snapshot.now,
        **changes,
    )
    outcomes = run(*statements, *beginning(*effects)) if statements or effects else []
    if route is not None and outcomes[0].touched != 1:
        raise StaleSwap(
            f"route of {swap.model.name} is no longer revision {sighting.snapshot.revision}"
        )
    return begun(effects, outcomes[-len(effects) :]) if effects else []


def _gradual(swap: SwapOperation) -> bool:
    return len(swap.strategy["steps"]) > 1


def _applied(sighting: Sighting) -> dict[str, Any]:
    """For the record, as the swap leaves a revision that every node has applied."""
    swap = sighting.swap
    data: dict[str, Any] = {"applied": swap.revision, "routing_update_ms": applied_ms(sighting)}
    if _gradual(swap):
        data["observed"] = observed_traffic.shares(swap.counted, observed_traffic.counts(swap))
    return data


def pass_return(sighting: Sighting, step: PassReturn, *effects: Effect) -> list[Begun]:
    """The point of no return. Raises StaleSwap when route or nodes are not as decided on.

    The route row is locked, so no revision can come between the proof and this commit;
    a node that registers later reads its routes in its own transaction and finds this
    revision or a newer one, which does not name the version any more.
    `effects` begin with this commit; returns those that may be called now.
    """
    swap, snapshot = sighting.swap, sighting.snapshot
    changes = _onward() | {
        "past_return_at": Now(),
        "drained_at": swap.drained_at or Now(),
        "unload_called_at": Now(),  # the call follows this commit
    }
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
            _lock_route(sighting, step.version),
            _nodes(swap, snapshot.revision, forced=step.forced),
            *([close_watch(swap.drain_watch_id)] if swap.drain_watch_id else []),
            *intents.intend(sighting, Want(step.version, step.hosts, loaded=False)),
            tell_routers(swap.model_id),
            *beginning(*effects),
        )
        if route.touched != 1:
            raise StaleSwap(f"route of {swap.model.name} is no longer revision {snapshot.revision}")
        facts = [fact for (fact,) in nodes.rows]
        if snapshot.routed and not (facts and all(facts)):
            lacking = "that has not applied the route" if step.forced else "without a proof"
            raise StaleSwap(f"a node {lacking} appeared")
        return begun(effects, others[len(others) - len(effects) :])


def _lock_route(sighting: Sighting, version: str) -> Statement:
    """No row when it is another revision by now, or names the version."""
    return Statement(
        "SELECT id FROM swaps_route WHERE model_id = %(model)s AND revision = %(seen)s"
        " AND NOT jsonb_exists(weights, %(version)s) FOR UPDATE",
        {
            "model": sighting.swap.model_id,
            "seen": sighting.snapshot.revision,
            "version": version,
        },
    )


def _nodes(swap: SwapOperation, revision: int, *, forced: bool) -> Statement:
    """Of each that counts: has it proven the version idle; or, when forced, can it not send to
    it any more.
    """
    proven = "EXISTS (SELECT 1 FROM swaps_drainproof WHERE watch_id = %(watch)s"
    proven += " AND incarnation_id = node.id)"
    reached = "node.state = 'connected' AND EXISTS (SELECT 1 FROM swaps_routeonnode seen"
    reached += " JOIN swaps_route route ON route.id = seen.route_id"
    reached += " WHERE route.model_id = %(model)s AND seen.incarnation_id = node.id"
    reached += " AND seen.revision >= %(revision)s)"
    return Statement(
        f"SELECT {reached if forced else proven} FROM swaps_nodeincarnation node"  # noqa: S608 - our own words
        " WHERE node.state IN ('connected', 'away')",
        {"watch": swap.drain_watch_id, "model": swap.model_id, "revision": revision},
    )


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
