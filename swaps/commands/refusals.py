"""A refusal is audited too, in a transaction of its own: what was refused is gone by then."""

from collections.abc import Iterator
from contextlib import contextmanager

from swaps.access.roles import Actor, NotAllowed
from swaps.audit.refusals import record_refusal
from swaps.commands.errors import SwapRefused


@contextmanager
def audited(actor: Actor, action: str, object_kind: str, object_name: str) -> Iterator[None]:
    """Around a whole command, outside its transaction."""
    try:
        yield
    except (SwapRefused, NotAllowed) as refusal:
        record_refusal(
            actor=actor,
            action=action,
            object_kind=object_kind,
            object_name=object_name,
            reason=str(refusal),
            code=refusal.code,
        )
        raise
