"""Writing the audit log: who did what to which object, and why. For what was refused there
is `swaps.audit.refusals.record_refusal`, which a flood does not drown.
"""

import ipaddress
import uuid
from typing import Any, Literal

from swaps.access.roles import Actor
from swaps.audit.signing import sign
from swaps.domain.texts import storable
from swaps.models import AuditEntry

LONGEST_REASON = 4000


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
    """In the transaction of what it tells of.

    `before` and `after` never hold credentials: callers name what changed, not secrets.
    """
    entry = AuditEntry(
        actor=storable(actor.name, 150),
        role=actor.role or "",
        source=actor.source,
        token=actor.token,
        address=storable_address(actor.address),
        request_id=actor.request_id,
        action=action,
        object_kind=object_kind,
        object_name=storable(object_name, 200),
        swap=swap,
        outcome=outcome,
        reason=storable(reason, LONGEST_REASON),
        before=before,
        after=after,
    )
    sign(entry)
    entry.save(force_insert=True)


def storable_address(address: str | None) -> str | None:
    """None for what is no address, such as the name of a unix socket."""
    try:
        return str(ipaddress.ip_address(address)) if address else None
    except ValueError:
        return None
