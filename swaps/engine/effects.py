"""What the engine does to hosts: call outside any transaction, then commit what was seen.

An intent is committed before (swaps.engine.intents). A call begins with a lease on the
placement, which only whoever decided on its present intent can take, so a worker that was
stopped and wakes late finds that its intent or its lease is gone. For the instant between
that and the call, hosts that can do it compare the placement's fence.
"""

import time
import uuid
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F

from swaps.adapters.contract import Adapter, Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError, Conflict, HostUnreachable, OutcomeUnknown
from swaps.audit.record import storable
from swaps.domain.snapshot import UNLOADED_STATUSES
from swaps.domain.states import SwapState
from swaps.domain.steps import Call
from swaps.engine.hosts import adapter_of
from swaps.engine.observe import SLOTS_TAKEN, Placed
from swaps.engine.warm_up import Warmth, WarmUp, warm_up
from swaps.live.wake import wake_swap
from swaps.models import ModelHost, Placement, SwapOperation
from swaps.models.hosts import BOOT_ID_LENGTH, DIGEST_LENGTH, Desired, Observed
from swaps.models.statements import Outcome, Statement, run

log = structlog.get_logger("swaps.engine")

# Longer than such a call takes, so that a lease outlives its call; short, so that a worker
# killed in one holds up nobody for long.
CALL_LEASE = timedelta(seconds=5)
WARM_UP_LEASE = timedelta(seconds=15)
# Answers that come so soon are committed together; a slower one holds up no other's.
TOGETHER_SECONDS = 0.05

# Calls are short or bounded; one that hangs must not keep the others waiting for a thread.
_MOST_CALLS = 64
_callers = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="host-call")


@dataclass(frozen=True, slots=True)
class Effect:
    """One call to one host, about the intent that `placed` names."""

    call: Call
    placed: Placed
    ref: Ref
    # For the first inference and the warm-up.
    warm: WarmUp | None = None
    # Of the file that a load must find; "": that of the last load.
    digest: str = ""
    lease: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class Begun:
    """An effect whose lease is ours, or that needs none, and the placement as it was then."""

    effect: Effect
    host: ModelHost
    observed: str
    observed_at: datetime | None
    digest: str
    # After that the lease is not ours any more: what was not called yet is not called.
    until: float

    @property
    def adapter(self) -> Adapter:
        return adapter_of(self.host)


@dataclass(frozen=True, slots=True)
class Said:
    """What came of a call, to be committed; `slot_of`: the host whose load slot that frees."""

    statements: tuple[Statement, ...]
    slot_of: int | None = None


def effect_of(call: Call, placement: Placement, **details: Any) -> Effect:
    ref = Ref(placement.model.name, placement.version)
    return Effect(call, Placed(placement.pk, placement.fence), ref, **details)


def look(placement: Placement) -> Effect:
    return effect_of(Call.LOOK, placement)


def load(placement: Placement, *, digest: str) -> Effect:
    return effect_of(Call.LOAD, placement, digest=digest)


def answer(placement: Placement, warm: WarmUp) -> Effect:
    return effect_of(Call.ANSWER, placement, warm=warm)


def unload(placement: Placement) -> Effect:
    return effect_of(Call.UNLOAD, placement)


def perform(*effects: Effect) -> list[bool]:
    """Begin, call, commit. For each, whether anything came of it: False when the intent is
    another by now, or somebody is at it.
    """
    begun = begin(*effects)
    told = {one.effect.lease: said for one, said in call(begun)}
    return [one.lease in told and commit(told[one.lease]) for one in effects]


# --- beginning


def begin(*effects: Effect) -> list[Begun]:
    """Take the leases, in one transaction."""
    statements = beginning(*effects)
    with transaction.atomic():
        return begun(effects, run(*statements)[-len(effects) :] if effects else [])


def beginning(*effects: Effect) -> list[Statement]:
    """The last ones, one an effect, return what `begun` reads."""
    loads = [one.placed.pk for one in effects if one.call is Call.LOAD]
    return [*([_lock_slots(loads)] if loads else []), *(_beginning(one) for one in effects)]


def begun(effects: Sequence[Effect], outcomes: Sequence[Outcome]) -> list[Begun]:
    """Those that may be called."""
    now = time.monotonic()
    return [
        Begun(
            effect,
            ModelHost(
                pk=host,
                name=name,
                kind=kind,
                url=url,
                pinned_address=pinned,
                control_token=_plain(token),
            ),
            observed,
            observed_at,
            digest,
            until=now + WARM_UP_LEASE.total_seconds() / 2
            if effect.call is Call.ANSWER
            else now + CALL_LEASE.total_seconds() / 2,
        )
        for effect, outcome in zip(effects, outcomes, strict=True)
        for observed, observed_at, digest, host, name, kind, url, pinned, token in outcome.rows
    ]


_ROW = (
    "p.observed, p.observed_at, p.digest,"
    " host.id, host.name, host.kind, host.url, host.pinned_address, host.control_token"
)
_LOOK = f"""
SELECT {_ROW} FROM swaps_placement p JOIN swaps_modelhost host ON host.id = p.host_id
 WHERE p.id = %(id)s AND p.fence = %(fence)s
"""  # noqa: S608 - our own words
_LEASE = f"""
UPDATE swaps_placement p
   SET lease_token = %(lease)s, lease_until = statement_timestamp() + %(length)s MORE
  FROM swaps_modelhost host
 WHERE host.id = p.host_id AND p.id = %(id)s AND p.fence = %(fence)s AND p.desired = %(desired)s
   AND (p.lease_until IS NULL OR p.lease_until < statement_timestamp()) IF
RETURNING {_ROW}
"""  # noqa: S608 - our own words


def _leasing(more: str = "", only_if: str = "") -> str:
    return _LEASE.replace("MORE", more).replace("IF", only_if)


_BEGIN = {
    Call.LOOK: _LOOK,
    Call.LOAD: _leasing(
        ", observed = 'loading', observed_at = statement_timestamp(),"
        " load_called_at = statement_timestamp()",
        f"AND {SLOTS_TAKEN} < host.max_concurrent_loads",
    ),
    Call.ANSWER: _leasing(),
    Call.UNLOAD: _leasing(", observed = 'unloading', observed_at = statement_timestamp()"),
}


def _beginning(effect: Effect) -> Statement:
    about = {"id": effect.placed.pk, "fence": effect.placed.fence}
    if effect.call is Call.LOOK:
        return Statement(_BEGIN[effect.call], about)
    return Statement(
        _BEGIN[effect.call],
        about
        | {
            "lease": effect.lease,
            "length": WARM_UP_LEASE if effect.call is Call.ANSWER else CALL_LEASE,
            "desired": (Desired.ABSENT if effect.call is Call.UNLOAD else Desired.LOADED).value,
        },
    )


def _lock_slots(placements: list[int]) -> Statement:
    """A host's row is the lock for its load slots, across all swaps."""
    return Statement(
        "SELECT 1 FROM swaps_modelhost WHERE id IN"
        " (SELECT host_id FROM swaps_placement WHERE id = ANY(%(ids)s))"
        " ORDER BY id FOR NO KEY UPDATE",
        {"ids": placements},
    )


def _plain(token: str) -> str:
    field = ModelHost._meta.get_field("control_token")
    plain: str = field.from_db_value(token)
    return plain


# --- calling


def call(calls: Sequence[Begun]) -> list[tuple[Begun, Said]]:
    """Their hosts are asked side by side; rows are written in this thread alone.

    Returns what is left to commit. A host that lets the others wait holds up none of their
    news: what is there by then is committed here, each answer when it comes.
    """
    asked: dict[Future[Any], Begun] = {_callers.submit(_ask, one): one for one in calls}
    done, late = wait(asked, timeout=TOGETHER_SECONDS)
    if late:
        for said in [_said(asked[one], one) for one in done]:
            commit(said)
        while len(late) > 1:
            done, late = wait(late, return_when=FIRST_COMPLETED)
            for said in [_said(asked[one], one) for one in done]:
                commit(said)
        done, _ = wait(late)
    return [(asked[one], _said(asked[one], one)) for one in done]


def _ask(begun: Begun) -> Any:
    effect, adapter = begun.effect, begun.adapter
    if effect.call is not Call.LOOK and time.monotonic() > begun.until:
        # Stopped since: others may have gone on without us.
        raise Conflict(f"{effect.call} of {effect.ref} was held up, and is not made any more")
    match effect.call:
        case Call.LOOK:
            return adapter.status(effect.ref)
        case Call.LOAD:
            return adapter.begin_load(
                effect.ref,
                fence=effect.placed.fence,
                expected_digest=effect.digest or begun.digest or None,
            )
        case Call.ANSWER:
            assert effect.warm is not None, "an answer needs to know what to ask"
            return warm_up(adapter, effect.ref, effect.warm)
        case Call.UNLOAD:
            return adapter.begin_unload(effect.ref, fence=effect.placed.fence)


def _said(begun: Begun, answer: Future[Any]) -> Said:
    """Raises what is no error of the host's."""
    error = answer.exception()
    if error is not None and not isinstance(error, AdapterError):
        raise error
    match begun.effect.call:
        case Call.LOOK:
            return _looked(begun, _unknown(error) if error else answer.result())
        case Call.LOAD:
            return _of_lease(begun, _seen(_failure(error) if error else answer.result()))
        case Call.ANSWER:
            return (
                _of_lease(begun, _seen(_failure(error)))
                if error
                else _of_warmth(begun, answer.result())
            )
        case Call.UNLOAD:
            if error is not None:
                # Not known to be unloaded: the cleanup looks again, and again.
                log.warning("unload", version=str(begun.effect.ref), error=str(error))
            seen = _unknown(error) if error else answer.result()
            return _of_lease(begun, _seen(seen) | {"answered_boot_id": ""}, slot=True)


def _looked(begun: Begun, seen: Observation) -> Said:
    """A late answer never overwrites a newer one."""
    freed = begun.observed == Observed.LOADING and seen.status is not VersionStatus.LOADING
    written = _write(
        _seen(seen),
        "id = %(id)s AND fence = %(fence)s AND observed_at IS NOT DISTINCT FROM %(before)s",
        {
            "id": begun.effect.placed.pk,
            "fence": begun.effect.placed.fence,
            "before": begun.observed_at,
        },
    )
    return Said((written,), begun.host.pk if freed else None)


def _of_warmth(begun: Begun, tried: Warmth) -> Said:
    changes = _seen(tried.seen)
    if tried.latency_ms is None:  # it was not ready, so nothing was asked of it
        return _of_lease(begun, changes)
    if tried.answered:
        changes |= {
            "answered_boot_id": storable(tried.seen.boot_id or "", BOOT_ID_LENGTH),
            "answered_at": _NOW,
            "warmup_ms": tried.latency_ms,
        }
    # An answer counts whoever holds the lease by now: on a busy machine a slow model may
    # take longer than any lease, and would never be found ready.
    return _of_lease(begun, changes, only_held=False)


def _of_lease(
    begun: Begun, changes: dict[str, Any], *, only_held: bool = True, slot: bool = False
) -> Said:
    """What was seen, and the lease given back. What an outdated intent saw is no news about the
    present one, so the fence is compared; the lease is given back all the same.
    """
    about = {
        "id": begun.effect.placed.pk,
        "fence": begun.effect.placed.fence,
        "held": begun.effect.lease,
    }
    mine = " AND lease_token = %(held)s" if only_held else ""
    return Said(
        (
            _write(changes, "id = %(id)s AND fence = %(fence)s" + mine, about),
            Statement(
                "UPDATE swaps_placement SET lease_token = NULL, lease_until = NULL"
                " WHERE id = %(id)s AND lease_token = %(held)s",
                about,
            ),
        ),
        begun.host.pk if slot else None,
    )


def commit(said: Said) -> bool:
    """Whether it was news."""
    with transaction.atomic():
        first, *_ = run(*said.statements)
    wake_next_load(said)
    return first.touched == 1


def wake_next_load(said: Said) -> None:
    """A load slot of a host is free: wake the swap that has waited longest for one."""
    if said.slot_of is None:
        return
    waiting = (
        SwapOperation.objects.filter(
            state=SwapState.LOADING_NEW_VERSION,
            model__placements__host=said.slot_of,
            model__placements__version=F("to_version"),
            model__placements__desired=Desired.LOADED,
            model__placements__load_called_at=None,
        )
        .order_by("state_entered_at")
        .values_list("pk", flat=True)
    )
    for swap_id in waiting[:1]:
        wake_swap(swap_id)


# --- what was seen, as columns

_NOW = object()  # the database's clock


def _write(changes: dict[str, Any], where: str, about: dict[str, Any]) -> Statement:
    sets = ", ".join(
        f"{name} = " + ("statement_timestamp()" if value is _NOW else f"%({name})s")
        for name, value in changes.items()
    )
    values = {name: value for name, value in changes.items() if value is not _NOW}
    return Statement(f"UPDATE swaps_placement SET {sets} WHERE {where}", values | about)  # noqa: S608 - our own words


def _unknown(error: BaseException) -> Observation:
    return Observation(VersionStatus.UNKNOWN, reason=str(error))


def _failure(error: AdapterError) -> Observation:
    """What an error of a load or of the first inference says about the version."""
    if isinstance(error, Conflict | OutcomeUnknown | HostUnreachable) or not error.permanent:
        return _unknown(error)
    return Observation(VersionStatus.FAILED, reason=str(error))


def _seen(seen: Observation) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "observed": seen.status.value,
        "observed_reason": storable(seen.reason, 2000),
        "observed_at": _NOW,
    }
    if seen.status in UNLOADED_STATUSES:
        changes["unload_owed"] = False
    if seen.boot_id is not None:
        changes["boot_id"] = storable(seen.boot_id, BOOT_ID_LENGTH)
    if seen.digest is not None and seen.status is VersionStatus.READY:
        # Of what is loaded, not of what lies on disk: a file replaced since then must not be
        # loaded under this version after a restart.
        changes["digest"] = storable(seen.digest, DIGEST_LENGTH)
    if seen.size_bytes is not None:
        changes["size_bytes"] = seen.size_bytes
    return changes
