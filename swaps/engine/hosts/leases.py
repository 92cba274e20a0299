"""What is to be done at hosts, and the lease under which it is done.

An intent is committed before (swaps.engine.write.placements). A call begins with a lease on the
placement, which only whoever decided on its present intent can take, so a worker that was
stopped and wakes late finds that its intent or its lease is gone. For the instant between
that and the call, hosts that can do it compare the placement's fence.
"""

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from swaps.adapters.contract import Adapter, Ref
from swaps.db.statements import Outcome, Statement, run
from swaps.domain.decisions import Call
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.observe import LACKS_WHAT_SERVES, SLOT_FREE, Placed
from swaps.models import ModelHost
from swaps.models.hosts import Desired

# Longer than such a call takes, so that a lease outlives its call; short, so that a worker
# killed in one holds up nobody for long.
CALL_LEASE = timedelta(seconds=5)
WARM_UP_LEASE = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class HostCall:
    """One call to one host, about the intent that `placed` names."""

    call: Call
    placed: Placed
    ref: Ref
    # For the first inference and the warm-up.
    warm: WarmUp | None = None
    # Of the file that a load must find; "": that of the last load.
    digest: str = ""
    # Of an unload: it is ready there, so requests may run; else a load is given up or undone.
    loaded: bool = True
    lease: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class LeasedCall:
    """A host call whose lease is ours, or that needs none, and the placement as it was then."""

    host_call: HostCall
    host: ModelHost
    observed: str
    observed_at: datetime | None
    digest: str
    # After that the lease is not ours any more: what was not called yet is not called.
    until: float

    @property
    def adapter(self) -> Adapter:
        return adapter_of(self.host)


def begin(*host_calls: HostCall) -> list[LeasedCall]:
    """Take the leases, in one transaction."""
    statements = lease_statements(*host_calls)
    with transaction.atomic():
        return leased(host_calls, run(*statements)[-len(host_calls) :] if host_calls else [])


def lease_statements(*host_calls: HostCall) -> list[Statement]:
    """The last ones, one a host call, return what `leased` reads."""
    loads = [one.placed.pk for one in host_calls if one.call is Call.LOAD]
    return [*([_lock_slots(loads)] if loads else []), *(_beginning(one) for one in host_calls)]


def leased(host_calls: Sequence[HostCall], outcomes: Sequence[Outcome]) -> list[LeasedCall]:
    """Those that may be called."""
    now = time.monotonic()
    return [
        _leased(host_call, row, now)
        for host_call, outcome in zip(host_calls, outcomes, strict=True)
        for row in outcome.rows
    ]


def _leased(host_call: HostCall, row: Sequence[Any], now: float) -> LeasedCall:
    observed, observed_at, digest, *of_host, token = row
    about = dict(zip(_OF_HOST, of_host, strict=True))
    lease = WARM_UP_LEASE if host_call.call is Call.ANSWER else CALL_LEASE
    return LeasedCall(
        host_call,
        ModelHost(**about, control_token=_plain(token)),
        observed,
        observed_at,
        digest,
        until=now + lease.total_seconds() / 2,
    )


_OF_HOST = (
    *("id", "name", "kind", "url", "pinned_address"),
    *("idle_timeout_seconds", "measured_keep_alive_seconds"),
)
_ROW = ", ".join(
    ["p.observed", "p.observed_at", "p.digest"]
    + [f"host.{column}" for column in (*_OF_HOST, "control_token")]
)
_LOOK = f"""
SELECT {_ROW} FROM swaps_placement p JOIN swaps_modelhost host ON host.id = p.host_id
 WHERE p.id = %(id)s AND p.fence = %(fence)s
"""  # noqa: S608 - our own words


def _leasing(also_set: str = "", only_if: str = "") -> str:
    return f"""
UPDATE swaps_placement p
   SET lease_token = %(lease)s, lease_until = statement_timestamp() + %(length)s {also_set}
  FROM swaps_modelhost host
 WHERE host.id = p.host_id AND p.id = %(id)s AND p.fence = %(fence)s AND p.desired = %(desired)s
   AND (p.lease_until IS NULL OR p.lease_until < statement_timestamp()) {only_if}
RETURNING {_ROW}
"""  # noqa: S608 - our own words


_BEGIN = {
    Call.LOOK: _LOOK,
    Call.LOAD: _leasing(
        ", observed = 'loading', observed_at = statement_timestamp(),"
        " load_called_at = statement_timestamp(), load_pending = true",
        # What is ready is only told of the present intent.
        f"AND (p.observed = 'ready' OR {SLOT_FREE} AND NOT {LACKS_WHAT_SERVES})",
    ),
    Call.ANSWER: _leasing(),
    Call.UNLOAD: _leasing(
        ", observed = 'unloading', observed_at = statement_timestamp()", "AND p.unload_owed"
    ),
}


def _beginning(host_call: HostCall) -> Statement:
    about = {"id": host_call.placed.pk, "fence": host_call.placed.fence}
    if host_call.call is Call.LOOK:
        return Statement(_BEGIN[host_call.call], about)
    return Statement(
        _BEGIN[host_call.call],
        about
        | {
            "lease": host_call.lease,
            "length": WARM_UP_LEASE if host_call.call is Call.ANSWER else CALL_LEASE,
            "desired": (Desired.ABSENT if host_call.call is Call.UNLOAD else Desired.LOADED).value,
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
