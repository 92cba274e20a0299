"""Live gauges to what people ask: what is in flight, who gets which share, how fast.

For showing only: decisions rest on proofs. What a node did not report is unknown.
"""

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swaps.live.gauges import ClusterGauges, counts_of, slowest

# Counters are cumulative, so a rate is the difference of two looks. Looks older than the
# window are dropped; a share of less than a tenth of it says nothing yet.
WINDOW_SECONDS = 5.0
SHORTEST_SECONDS = 0.5
CLOSEST_SECONDS = 0.1

Counts = dict[str, tuple[int, int]]  # answers and errors (5xx), by cluster


@dataclass(frozen=True, slots=True)
class Traffic:
    """One version, over the last seconds, on all nodes. None: unknown."""

    requests_per_second: float | None
    errors_percent: float | None  # 5xx; None without requests
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    over_ms: float | None  # a percentile that is null lies above this; null: none does


_lock = threading.Lock()
_looks: dict[str, deque[tuple[float, Counts]]] = {}


def remember(gauges: Mapping[str, Mapping[str, ClusterGauges] | None]) -> None:
    """Keep these gauges, by node nonce, to tell rates by. Called at each reading."""
    now = time.monotonic()
    with _lock:
        for nonce, shown in gauges.items():
            looks = _looks.setdefault(nonce, deque())
            while looks and now - looks[0][0] > WINDOW_SECONDS:
                looks.popleft()
            if shown is not None and (not looks or now - looks[-1][0] >= CLOSEST_SECONDS):
                looks.append((now, {name: counts_of(one) for name, one in shown.items()}))
        for gone in [nonce for nonce, looks in _looks.items() if not looks]:
            del _looks[gone]


def pinned_requests(
    cluster: str, nodes: Sequence[Mapping[str, ClusterGauges] | None]
) -> int | None:
    """Requests that named this version in their path, since the nodes started."""
    requests = 0
    for shown in nodes:
        if shown is None or cluster not in shown:
            return None
        requests += shown[cluster].get("pinned", 0)
    return requests if nodes else None


def _rates(nonces: Sequence[str], clusters: Sequence[str]) -> dict[str, tuple[float, float]] | None:
    """Answers and errors a second by cluster; None when a node was not looked at twice."""
    rates = dict.fromkeys(clusters, (0.0, 0.0))
    with _lock:
        for nonce in nonces:
            looks = _looks.get(nonce)
            if not looks or looks[-1][0] - looks[0][0] < SHORTEST_SECONDS:
                return None
            (began, first), (ended, last) = looks[0], looks[-1]
            for cluster in clusters:
                answers, errors = last.get(cluster, (0, 0))
                before, errors_before = first.get(cluster, (0, 0))
                rate, error_rate = rates[cluster]
                rates[cluster] = (
                    rate + (answers - before) / (ended - began),
                    error_rate + (errors - errors_before) / (ended - began),
                )
    return rates if nonces else None


def requests_per_second(nonces: Sequence[str]) -> float | None:
    """On all of these nodes, whatever the model; None when one is unknown, or there is none."""
    with _lock:
        seen = [_looks[nonce][-1][1] for nonce in nonces if _looks.get(nonce)]
    rates = _rates(nonces, sorted({cluster for counts in seen for cluster in counts}))
    return round(sum(rate for rate, _ in rates.values()), 1) if rates is not None else None


def observed_weights(nonces: Sequence[str], clusters: Mapping[str, str]) -> dict[str, float] | None:
    """Percent of answers by version in the last seconds; None when unknown, or without any.

    `clusters` are names by version.
    """
    rates = _rates(nonces, list(clusters.values()))
    total = sum(rate for rate, _ in rates.values()) if rates else 0.0
    if rates is None or total <= 0:
        return None
    return {
        version: round(100 * rates[cluster][0] / total, 1) for version, cluster in clusters.items()
    }


def traffic_of(
    cluster: str, nonces: Sequence[str], nodes: Sequence[Mapping[str, ClusterGauges] | None]
) -> Traffic:
    """Percentiles are those of the slowest node: they cannot be summed."""
    rates = _rates(nonces, [cluster])
    rate, errors = rates[cluster] if rates else (None, None)
    shown = [node[cluster] for node in nodes if node is not None and cluster in node]
    return Traffic(
        requests_per_second=round(rate, 1) if rate is not None else None,
        errors_percent=round(100 * errors / rate, 2) if rate and errors is not None else None,
        p50_ms=slowest("p50_ms", cluster, nodes),
        p95_ms=slowest("p95_ms", cluster, nodes),
        p99_ms=slowest("p99_ms", cluster, nodes),
        over_ms=max((one["over_ms"] for one in shown if "over_ms" in one), default=None),
    )
