"""What a path names. What an actor is not to see does not exist for them."""

import uuid

from swaps.access.roles import Actor
from swaps.engine.errors import SwapNotFound
from swaps.models import SwapOperation


def find_swap(swap_id: uuid.UUID, actor: Actor) -> SwapOperation:
    """Raises SwapNotFound."""
    swap = SwapOperation.objects.select_related("model").filter(pk=swap_id).first()
    if swap is None or not actor.sees(swap.model.name):
        raise SwapNotFound(f"no swap has the id {swap_id}")
    return swap
