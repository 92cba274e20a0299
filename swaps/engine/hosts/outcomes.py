"""What came of a call to a host, as rows: an answer that is no news writes nothing.

A load is *lost* when the host is found without the version in another boot than it was called in:
it went down with it, most often for want of memory. After HOTSWAP_LOAD_ATTEMPTS of them in a row
the version counts as failed there until somebody swaps to it anew or has the host checked. Asked
for again and again it would take down, each time, all that the host serves.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction

from swaps.adapters.contract import Observation, VersionStatus
from swaps.adapters.errors import AdapterError, Conflict, HostUnreachable, OutcomeUnknown
from swaps.db.statements import Statement, run
from swaps.domain.decisions import Call
from swaps.domain.snapshot import UNLOADED_STATUSES
from swaps.domain.states import SwapState
from swaps.engine.hosts.leases import HostCall, LeasedCall
from swaps.engine.hosts.warm_up import Warmth
from swaps.live.wake import wake_swap
from swaps.models import Placement
from swaps.models.hosts import Desired, Observed

log = structlog.get_logger("swaps.engine")


@dataclass(frozen=True, slots=True)
class CallResult:
    """What came of a call, to be committed; `slot_of`: the host whose load slot that frees."""

    statements: tuple[Statement, ...]
    slot_of: int | None = None


def result_of(leased: LeasedCall, answer: Future[Any]) -> CallResult:
    """Raises what is no error of the host's."""
    error = answer.exception()
    if error is not None and not isinstance(error, AdapterError):
        raise error
    match leased.host_call.call:
        case Call.LOOK:
            seen = _unknown(error) if error else answer.result()
            return _looked(leased, _if_it_is_that_file(seen, leased.host_call.digest))
        case Call.LOAD:
            return _of_lease(leased, _of_load(leased.host_call, error or answer.result()))
        case Call.ANSWER:
            return (
                _of_lease(leased, _seen(_failure(error)))
                if error
                else _of_warmth(leased, answer.result())
            )
        case Call.UNLOAD:
            if error is not None:
                # Not known to be unloaded: the cleanup looks again, and again.
                log.warning("unload", version=str(leased.host_call.ref), error=str(error))
            seen = _unknown(error) if error else answer.result()
            changes = _seen(seen) | {"answered_boot_id": ""}
            if seen.status in UNLOADED_STATUSES:
                changes["unload_owed"] = False  # of one that failed nothing is left by now
            return _of_lease(leased, changes, slot=True)


def _looked(leased: LeasedCall, seen: Observation) -> CallResult:
    return _found(leased.host_call, leased.host.pk, leased.observed, leased.observed_at, seen)


def listed_as(host_call: HostCall, row: Placement, seen: Observation) -> CallResult:
    """As if it had been asked for by itself. `row` is older than the host's list."""
    return _found(host_call, row.host_id, row.observed, row.observed_at, seen)


def _found(
    host_call: HostCall, host: int, before: str, before_at: datetime | None, seen: Observation
) -> CallResult:
    """A late answer never overwrites a newer one."""
    freed = before == Observed.LOADING and seen.status is not VersionStatus.LOADING
    changes = _seen(seen)
    if before == Observed.UNKNOWN and seen.status is VersionStatus.AVAILABLE and not seen.reason:
        # It may have answered a load with an error: those words say why it is not loaded.
        changes |= _unloaded(
            seen, otherwise="CASE WHEN desired = 'loaded' THEN observed_reason END"
        )
    written = _write(
        changes,
        "id = %(id)s AND fence = %(fence)s AND observed_at IS NOT DISTINCT FROM %(before)s",
        {"id": host_call.placed.pk, "fence": host_call.placed.fence, "before": before_at},
    )
    return CallResult((written,), host if freed else None)


def _if_it_is_that_file(seen: Observation, digest: str) -> Observation:
    """A load is told which file it must find; what others loaded is compared here."""
    if seen.status is not VersionStatus.READY or not digest or seen.digest in (None, digest):
        return seen
    reason = f"it is loaded from another file than was asked for ({seen.digest}, not {digest})"
    return replace(seen, status=VersionStatus.FAILED, reason=reason)


def _of_warmth(leased: LeasedCall, tried: Warmth) -> CallResult:
    changes = _seen(tried.seen)
    if tried.latency_ms is None:  # it was not ready, so nothing was asked of it
        return _of_lease(leased, changes)
    if tried.answered:
        changes |= {
            "answered_boot_id": tried.seen.boot_id or "",
            "answered_at": _NOW,
            "warmup_ms": tried.latency_ms,
            "load_pending": False,
            "lost_loads": 0,
        }
    # An answer counts whoever holds the lease by now: on a busy machine a slow model may
    # take longer than any lease, and would never be found ready.
    return _of_lease(leased, changes, only_held=False)


def _of_lease(
    leased: LeasedCall, changes: dict[str, Any], *, only_held: bool = True, slot: bool = False
) -> CallResult:
    """What was seen, and the lease given back. What an outdated intent saw is no news about the
    present one, so the fence is compared; the lease is given back all the same.
    """
    about = {
        "id": leased.host_call.placed.pk,
        "fence": leased.host_call.placed.fence,
        "held": leased.host_call.lease,
    }
    mine = " AND lease_token = %(held)s" if only_held else ""
    return CallResult(
        (
            _write(changes, "id = %(id)s AND fence = %(fence)s" + mine, about),
            Statement(
                "UPDATE swaps_placement SET lease_token = NULL, lease_until = NULL"
                " WHERE id = %(id)s AND lease_token = %(held)s",
                about,
            ),
        ),
        leased.host.pk if slot else None,
    )


def commit(result: CallResult) -> bool:
    """Whether it was news."""
    with transaction.atomic():
        first, *_ = run(*result.statements)
    wake_next_loads([result])
    return first.touched == 1


_NEXT_LOADS = f"""
SELECT DISTINCT ON (p.host_id) swap.id
  FROM swaps_placement p
  JOIN swaps_swapoperation swap ON swap.model_id = p.model_id AND swap.to_version = p.version
 WHERE p.host_id = ANY(%(hosts)s) AND p.desired = '{Desired.LOADED}' AND p.load_called_at IS NULL
   AND swap.state = '{SwapState.LOADING_NEW_VERSION}'
 ORDER BY p.host_id, swap.state_entered_at
"""  # noqa: S608 - our own words


def wake_next_loads(result: Sequence[CallResult]) -> None:
    """Load slots of hosts are free: wake the swaps that have waited longest for one."""
    hosts = {one.slot_of for one in result if one.slot_of is not None}
    if not hosts:
        return
    (waiting,) = run(Statement(_NEXT_LOADS, {"hosts": sorted(hosts)}))
    for swap_id in {swap_id for (swap_id,) in waiting.rows}:
        wake_swap(swap_id)


@dataclass(frozen=True, slots=True)
class _Sql:
    """A column's new value, by the row as it is then."""

    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


_NOW = _Sql("statement_timestamp()")  # the database's clock
# The first of unanswered looks in a row. One of long ago, as after an outage of ours, begins no
# row: nobody knows what came between.
_SILENT_SINCE = _Sql(
    "CASE WHEN observed_at > statement_timestamp() - interval '5 seconds'"
    " THEN coalesce(silent_since, statement_timestamp()) ELSE statement_timestamp() END"
)


def _write(changes: Mapping[str, Any], where: str, about: Mapping[str, Any]) -> Statement:
    sets, values = [], dict(about)
    for name, value in changes.items():
        if isinstance(value, _Sql):
            sets.append(f"{name} = {value.text}")
            values |= value.values
        else:
            sets.append(f"{name} = %({name})s")
            values[name] = value
    return Statement(f"UPDATE swaps_placement SET {', '.join(sets)} WHERE {where}", values)  # noqa: S608 - our own words


# By a boot that it does not tell nobody knows whether the host went down.
_LOST = (
    "(load_pending AND desired = 'loaded' AND boot_id <> '' AND %(boot)s::text <> ''"
    " AND boot_id <> %(boot)s::text)"
)
_LOSSES = f"(lost_loads + {_LOST}::int)"
_IN_VAIN = f"{_LOSSES} >= %(attempts)s"
_TIMES = f"CASE WHEN {_LOSSES} = 1 THEN 'once' ELSE {_LOSSES} || ' times in a row' END"


def _unloaded(seen: Observation, *, otherwise: str = "%(reason)s::text") -> dict[str, Any]:
    """Of a version that the host does not have loaded. `otherwise`: the reason that is left when
    no load was lost; NULL for none.
    """
    values = {
        "boot": seen.boot_id or "",
        "attempts": settings.LOAD_ATTEMPTS,
        "status": seen.status.value,
        "reason": seen.reason,
    }
    return {
        "lost_loads": _Sql(_LOSSES, values),
        "load_pending": False,
        "observed": _Sql(f"CASE WHEN {_IN_VAIN} THEN 'failed' ELSE %(status)s::text END", values),
        "observed_reason": _Sql(
            f"CASE WHEN {_LOST} THEN 'the host went down ' || {_TIMES} || ' while it loaded this;"
            f" it may need more memory than there is' || CASE WHEN {_IN_VAIN}"
            " THEN '. It is not tried again by itself: swap to it anew, or check the host'"
            " ELSE '' END"
            f" WHEN {_IN_VAIN} THEN observed_reason ELSE coalesce({otherwise}, '') END",
            values,
        ),
    }


def _of_load(host_call: HostCall, answer: Observation | BaseException) -> dict[str, Any]:
    if isinstance(answer, AdapterError):
        # By these two nothing was begun: whatever becomes of the host, it is not that load.
        untouched = isinstance(answer, Conflict | HostUnreachable)
        return _seen(_failure(answer)) | ({"load_pending": False} if untouched else {})
    assert isinstance(answer, Observation), "other errors were raised"
    return _seen(answer) | {"load_fence": host_call.placed.fence}


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
        "observed_reason": seen.reason,
        "observed_at": _NOW,
        "silent_since": _SILENT_SINCE if seen.status is VersionStatus.UNKNOWN else None,
    }
    if seen.status in {VersionStatus.ABSENT, VersionStatus.AVAILABLE}:
        changes["unload_owed"] = False
        changes["found_loaded"] = False  # whatever is there later, others did not load it
        changes |= _unloaded(seen)
    if seen.status is VersionStatus.FAILED:
        changes["load_pending"] = False
    if seen.boot_id is not None:
        changes["boot_id"] = seen.boot_id
    if seen.digest is not None and seen.status is VersionStatus.READY:
        # Of what is loaded, not of what lies on disk: a file replaced since then must not be
        # loaded under this version after a restart.
        changes["digest"] = seen.digest
    if seen.size_bytes is not None:
        changes["size_bytes"] = seen.size_bytes
    return changes
