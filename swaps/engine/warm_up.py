"""Warm-up: real inferences before traffic, since the first ones after a load are slow."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaps.adapters.contract import Adapter, Ref
from swaps.adapters.sample_request import sample_request_from

# A slow model proves itself by its first answer; more would hold a worker for long.
BUDGET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class WarmUp:
    """`sample`: an infer body, or None to make one from the host's metadata."""

    sample: Mapping[str, Any] | None
    requests: int


def warm_up(adapter: Adapter, ref: Ref, warm: WarmUp) -> float:
    """Returns the latency of the last answer, in milliseconds. Raises AdapterError."""
    payload = warm.sample or sample_request_from(adapter.metadata(ref))
    began = time.monotonic()
    result = adapter.smoke(ref, payload)
    for _ in range(warm.requests):
        if time.monotonic() - began > BUDGET_SECONDS:
            break
        result = adapter.smoke(ref, payload)
    return result.latency_ms
