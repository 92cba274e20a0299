"""A refusal is audited too, in a transaction of its own: what was refused is gone by then."""

from collections.abc import Iterator
from contextlib import contextmanager

from swaps.access.roles import Actor, NotAllowed
from swaps.audit.record import record
from swaps.engine.errors import SwapRefused


@contextmanager
def audited(actor: Actor, action: str, object_kind: str, object_name: str) -> Iterator[None]:
    """Around a whole command, outside its transaction."""
    try:
        yield
    except (SwapRefused, NotAllowed) as refusal:
        record(
            actor=actor,
            action=action,
            object_kind=object_kind,
            # A name that nothing can have may hold what no row can.
            object_name=object_name.replace("\x00", "�")[:200],
            outcome="refused",
            reason=str(refusal),
        )
        raise
