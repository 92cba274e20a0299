"""Warm-up: real inferences before traffic, since the first ones after a load are slow."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from swaps.adapters.contract import Adapter, Observation, Ref, VersionStatus
from swaps.adapters.sample_request import sample_request_from

# A slow model proves itself by its first answer; more would hold a worker for long.
BUDGET_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class WarmUp:
    """`sample`: an infer body, or None to make one from the host's metadata."""

    sample: Mapping[str, Any] | None
    requests: int


@dataclass(frozen=True, slots=True)
class Warmth:
    """`answered`: by this very version, in the boot that `seen` names. Without a latency it was
    not asked, since it was not ready.
    """

    seen: Observation
    answered: bool
    latency_ms: float | None = None


def warm_up(adapter: Adapter, ref: Ref, warm: WarmUp) -> Warmth:
    """`latency_ms` is that of the last answer. Raises AdapterError."""
    before = adapter.status(ref)
    if before.status is not VersionStatus.READY:
        return Warmth(before, answered=False)
    payload = warm.sample or sample_request_from(adapter.metadata(ref))
    began = time.monotonic()
    result = adapter.smoke(ref, payload)
    for _ in range(warm.requests):
        if time.monotonic() - began > BUDGET_SECONDS:
            break
        result = adapter.smoke(ref, payload)
    after = adapter.status(ref)
    return Warmth(after, answered=after.boot_id == before.boot_id, latency_ms=result.latency_ms)
