"""The audit log, newest first."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from swaps.models import AuditEntry
from swaps.readings.json_form import Reading
from swaps.readings.pages import DEFAULT_LIMIT, Page, cut, from_cursor


@dataclass(frozen=True, slots=True)
class AuditReading(Reading):
    id: int
    time: datetime
    actor: str
    role: str | None
    source: str
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


def read_audit(
    *,
    actor: str | None = None,
    action: str | None = None,
    object_name: str | None = None,
    swap: uuid.UUID | None = None,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[AuditReading]:
    """Raises CursorInvalid."""
    found = AuditEntry.objects.order_by("-pk")
    wanted = {"actor": actor, "action": action, "object_name": object_name, "swap": swap}
    found = found.filter(**{field: value for field, value in wanted.items() if value is not None})
    if cursor is not None:
        found = found.filter(pk__lt=from_cursor(cursor, int)[0])
    rows = list(found[: limit + 1])
    return cut(rows, limit, lambda row: [row.pk], [_reading(row) for row in rows[:limit]])


def _reading(row: AuditEntry) -> AuditReading:
    return AuditReading(
        id=row.pk,
        time=row.at,
        actor=row.actor,
        role=row.role or None,
        source=row.source,
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
