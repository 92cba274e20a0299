"""Writing the audit log: who did, or tried to do, what to which object, and why."""

import uuid
from typing import Any, Literal

from swaps.access.roles import Actor
from swaps.models import AuditEntry


def record(
    *,
    actor: Actor,
    action: str,
    object_kind: str,
    object_name: str,
    swap: uuid.UUID | None = None,
    outcome: Literal["done", "refused"] = "done",
    reason: str = "",
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """In the transaction of what it tells of; a refusal in one of its own.

    `before` and `after` never hold credentials: callers name what changed, not secrets.
    """
    AuditEntry.objects.create(
        actor=actor.name,
        role=actor.role or "",
        source=actor.source,
        address=actor.address,
        request_id=actor.request_id,
        action=action,
        object_kind=object_kind,
        object_name=object_name,
        swap=swap,
        outcome=outcome,
        reason=reason,
        before=before,
        after=after,
    )
