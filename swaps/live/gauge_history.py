"""The last quarter of an hour of each version's traffic, in Valkey, for charts alone.

Every few seconds each node's gauges are kept beside the live ones, in a list a cluster. What
was not kept (Valkey away, a router that stood still) is a gap, not a zero.
"""

import json
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import batched
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from redis.client import Pipeline

    from swaps.live.gauges import ClusterGauges

EVERY_SECONDS = 5.0
KEPT_SECONDS = 15 * 60
_KEPT = round(KEPT_SECONDS / EVERY_SECONDS)

_lock = threading.Lock()
# One command for many lists: three each would cost the router ten times as much.
_KEEP = """
for i, key in ipairs(KEYS) do
    redis.call('RPUSH', key, ARGV[i + 2])
    redis.call('LTRIM', key, -ARGV[1], -1)
    redis.call('EXPIRE', key, ARGV[2])
end
"""
_AT_ONCE = 500  # Valkey serves nobody else meanwhile

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
    if not _due(nonce):
        return
    at = round(time.time(), 2)
    entries: dict[str, str] = {}
    for cluster, (gauges, answers, errors) in counted.items():
        active = gauges.get("active", 0) + gauges.get("pending", 0)
        if answers or active:
            entry = [at, answers, errors, active, gauges.get("p95_ms")]
            entries[history_key(nonce, cluster)] = json.dumps(entry)
    for some in batched(entries.items(), _AT_ONCE, strict=False):
        keys, values = zip(*some, strict=True)
        pipeline.eval(_KEEP, len(keys), *keys, str(_KEPT), str(KEPT_SECONDS), *values)


def _due(nonce: str) -> bool:
    now = time.monotonic()
    with _lock:  # each node's gauges come in a thread of their own
        if now - _kept_at.get(nonce, -EVERY_SECONDS) < EVERY_SECONDS:
            return False
        for gone in [one for one, at in _kept_at.items() if now - at > KEPT_SECONDS]:
            del _kept_at[gone]
        _kept_at[nonce] = now
        return True


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
