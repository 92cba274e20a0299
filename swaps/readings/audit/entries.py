"""The audit log, newest first."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from swaps.access.roles import Scope
from swaps.audit.filters import AuditFilter, matching
from swaps.audit.proof import Proof, proof_of
from swaps.models import AuditEntry
from swaps.readings.shared.json_form import Reading
from swaps.readings.shared.pages import DEFAULT_LIMIT, Page, cut, from_cursor

EVERYTHING = AuditFilter()


@dataclass(frozen=True, slots=True)
class AuditReading(Reading):
    id: int
    time: datetime
    actor: str
    role: str | None
    source: str
    token: str | None  # its shown prefix
    address: str | None
    request_id: str | None
    action: str
    object_kind: str
    object_name: str
    swap: uuid.UUID | None
    outcome: str  # done, refused
    reason: str | None
    before: dict[str, Any] | None
    after: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class ProvenEntry(AuditReading):
    proof: Proof


def read_audit(
    wanted: AuditFilter = EVERYTHING,
    *,
    scope: Scope = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[AuditReading]:
    """A page stays what it was however many entries come meanwhile. Raises CursorInvalid."""
    found = matching(wanted, scope=scope).order_by("-pk")
    if cursor is not None:
        found = found.filter(pk__lt=from_cursor(cursor, int)[0])
    rows = list(found[: limit + 1])
    return cut(rows, limit, lambda row: [row.pk], [_reading(row) for row in rows[:limit]])


def read_entry(pk: int, *, scope: Scope = None) -> ProvenEntry:
    """Raises AuditEntry.DoesNotExist."""
    row = matching(EVERYTHING, scope=scope).get(pk=pk)
    return ProvenEntry(**asdict(_reading(row)), proof=proof_of(row))


def newest_id() -> int:
    """Of all entries; 0 where there is none."""
    return AuditEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def read_forward(
    wanted: AuditFilter, *, scope: Scope, after: int, until: int, limit: int
) -> list[AuditReading]:
    """The oldest first: at most `limit` of those with `after` < id <= `until`."""
    found = matching(wanted, scope=scope).filter(pk__gt=after, pk__lte=until).order_by("pk")
    return [_reading(row) for row in found[:limit]]


def _reading(row: AuditEntry) -> AuditReading:
    return AuditReading(
        id=row.pk,
        time=row.at,
        actor=row.actor,
        role=row.role or None,
        source=row.source,
        token=row.token or None,
        address=row.address,
        request_id=row.request_id or None,
        action=row.action,
        object_kind=row.object_kind,
        object_name=row.object_name,
        swap=row.swap,
        outcome=row.outcome,
        reason=row.reason or None,
        before=row.before,
        after=row.after,
    )
