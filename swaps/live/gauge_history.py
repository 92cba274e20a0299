"""The last quarter of an hour of each version's traffic, in Valkey, for charts alone.

Every few seconds each node's gauges are kept beside the live ones, in a list a cluster. What
was not kept (Valkey away, a router that stood still) is a gap, not a zero.
"""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from redis.client import Pipeline

    from swaps.live.gauges import ClusterGauges

EVERY_SECONDS = 5.0
KEPT_SECONDS = 15 * 60
_KEPT = round(KEPT_SECONDS / EVERY_SECONDS)

_kept_at: dict[str, float] = {}  # by node nonce, on this process' clock


@dataclass(frozen=True, slots=True)
class Kept:
    """One look at one cluster on one node; counters since the node started."""

    at: float  # seconds since 1970, by whoever kept it
    answers: int
    errors: int  # 5xx, among the answers
    active: int
    p95_ms: float | None


def keep_gauges(
    pipeline: "Pipeline", nonce: str, counted: Mapping[str, tuple["ClusterGauges", int, int]]
) -> None:
    """`counted`: by cluster its gauges, answers and errors. Clusters that nobody ever called are
    left out: of a fleet's many models few have traffic on each node.
    """
    now = time.monotonic()
    if now - _kept_at.get(nonce, -EVERY_SECONDS) < EVERY_SECONDS:
        return
    for gone in [one for one, at in _kept_at.items() if now - at > KEPT_SECONDS]:
        del _kept_at[gone]
    _kept_at[nonce] = now
    at = round(time.time(), 2)
    for cluster, (gauges, answers, errors) in counted.items():
        active = gauges.get("active", 0) + gauges.get("pending", 0)
        if answers or active:
            entry = json.dumps([at, answers, errors, active, gauges.get("p95_ms")])
            key = history_key(nonce, cluster)
            pipeline.rpush(key, entry)
            pipeline.ltrim(key, -_KEPT, -1)
            pipeline.expire(key, KEPT_SECONDS)


def ask_history(pipeline: "Pipeline", nonces: Iterable[str], clusters: Iterable[str]) -> None:
    for cluster in clusters:
        for nonce in nonces:
            pipeline.lrange(history_key(nonce, cluster), 0, -1)


def parse_history(entries: Iterable[bytes]) -> list[Kept]:
    """The oldest first."""
    return [Kept(*json.loads(entry)) for entry in entries]


def history_key(nonce: str, cluster: str) -> str:
    """Where one cluster's list on one node is."""
    return f"{settings.VALKEY_PREFIX}:history:{nonce}:{cluster}"
