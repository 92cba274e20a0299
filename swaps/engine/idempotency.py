"""The same request with the same key is done once; the second answer is the first swap.

A caller whose connection broke does not know whether its swap was made, and may ask again.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from swaps.access.roles import Actor
from swaps.engine.errors import InvalidRequest
from swaps.models import IdempotencyKey, SwapOperation


def earlier_swap(actor: Actor, key: str, request: Mapping[str, Any]) -> SwapOperation | None:
    """What this key made before. Raises InvalidRequest when it was for another request."""
    found = (
        IdempotencyKey.objects.select_related("swap__model")
        .filter(actor=actor.name, key=key)
        .first()
    )
    if found is None:
        return None
    if found.request_digest != _digest(request):
        raise InvalidRequest(
            "Idempotency-Key", f"the key {key!r} was used for another request: choose a new one"
        )
    return found.swap


def remember(actor: Actor, key: str, request: Mapping[str, Any], swap: SwapOperation) -> None:
    """In the transaction that makes the swap. Raises IntegrityError when another was first."""
    IdempotencyKey.objects.create(
        actor=actor.name, key=key, request_digest=_digest(request), swap=swap
    )


def _digest(request: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True, default=str).encode()).hexdigest()
