"""The only writer of a swap's state and its events.

Every write is a compare-and-swap on `generation`: it names what it read, and when
another worker was first it changes nothing and raises StaleSwap. What a step writes beside
it is in swaps.engine.write.steps, in the same transaction.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Model
from django.db.models.functions import Now
from django.utils import timezone

from swaps.access.roles import ENGINE, Actor
from swaps.db.statements import Statement, run
from swaps.domain.decisions import Wait
from swaps.domain.states import END_STATES, SwapState, require_transition
from swaps.live.broadcast import swap_changed
from swaps.models import SwapEvent, SwapOperation
from swaps.models.swap_operations import EventKind

log = structlog.get_logger("swaps.engine")


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
    locks: Sequence[Statement] = (),
    **changes: Any,
) -> None:
    """One generation and its event. To be called in a transaction. Raises StaleSwap, and
    ImpossibleTransition for a state that may not follow.

    `changes`: columns and their values, or expressions of Django's. `read_at`: when the swap
    was read, for the log; None: now. `locks`: to be taken before the swap's row.
    """
    before, generation = swap.state, swap.generation + 1
    if to_state is not None:
        require_transition(SwapState(before), to_state)
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
    *_, written = run(*locks, _compare_and_swap(swap, changes | {"generation": generation}, event))
    if written.touched != 1:
        raise StaleSwap(f"swap {swap.pk} is past generation {swap.generation}")
    in_state_ms = _milliseconds(swap.state_entered_at, read_at or timezone.now())
    swap.generation = generation
    if to_state is not None:
        swap.state = to_state
    _tell(swap, kind=kind, from_state=before, actor=actor, reason=reason, in_state_ms=in_state_ms)


def begin_story(swap: SwapOperation, *, reason: str, actor: Actor) -> None:
    """The first event of a swap that this transaction has made."""
    SwapEvent.objects.create(
        swap=swap,
        generation=swap.generation,
        kind=EventKind.CREATED,
        from_state="",
        to_state=swap.state,
        actor=actor.name,
        source=actor.source,
        reason=reason,
    )
    _tell(swap, kind=EventKind.CREATED, from_state="", actor=actor, reason=reason, in_state_ms=0)


def _tell(
    swap: SwapOperation,
    *,
    kind: EventKind,
    from_state: str,
    actor: Actor,
    reason: str,
    in_state_ms: int,
) -> None:
    """The log, with the words of the event, and the pages: once it is committed, since what is
    rolled back has not happened.
    """
    line = {
        "swap": str(swap.pk),
        "model": swap.model.name,
        "from_version": swap.from_version,
        "to_version": swap.to_version,
        "generation": swap.generation,
        "kind": str(kind),
        "from_state": str(from_state),
        "to_state": str(swap.state),
        "in_state_ms": in_state_ms,
        "actor": actor.name,
        "reason": reason,
    }
    transaction.on_commit(lambda: log.info("swap", **line))
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


def _milliseconds(began: datetime, ended: datetime) -> int:
    # Where the database did not tell the time, the two clocks may differ.
    return max(0, round((ended - began).total_seconds() * 1000))


def announce(swap: SwapOperation) -> None:
    """Tell the pages, after the commit."""
    model, generation, pk = swap.model.name, swap.generation, swap.pk
    transaction.on_commit(lambda: swap_changed(swap_id=pk, model_name=model, generation=generation))


def wait(swap: SwapOperation, step: Wait, *, next_check: Any) -> None:
    """No event: waiting is no news but for its sentence. Raises StaleSwap."""
    updated = SwapOperation.objects.filter(pk=swap.pk, generation=swap.generation).update(
        waiting_for=step.reason, next_check_at=next_check, attended_until=None
    )
    if updated != 1:
        raise StaleSwap(f"swap {swap.pk} is past generation {swap.generation}")
    if swap.waiting_for != step.reason:
        announce(swap)


# By the words of `one_open_swap_a_model`, whose index finds them.
_DUE = Statement(
    f"""
    SELECT id, extract(epoch FROM now() - coalesce(next_check_at, state_entered_at))::float8
      FROM swaps_swapoperation
     WHERE NOT queued AND state NOT IN ({", ".join(f"'{one}'" for one in sorted(END_STATES))})
       AND (next_check_at IS NULL OR next_check_at <= now())
       AND (attended_until IS NULL OR attended_until < now())
     ORDER BY next_check_at LIMIT 500
    """,  # noqa: S608 - our own words
    {},
)


def due() -> list[tuple[uuid.UUID, float]]:
    """Open swaps whose next look is due, and for how many seconds; the oldest first."""
    (found,) = run(_DUE)
    return [(swap_id, late_seconds) for swap_id, late_seconds in found.rows]
