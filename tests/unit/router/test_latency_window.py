"""Percentiles from Envoy's buckets: as near as they tell, and never more exact than that."""

from types import SimpleNamespace

import pytest

from swaps.router.metrics.gauges import LatencyWindow

EDGES = (10.0, 100.0, 1000.0)


def histogram(*counts: int) -> SimpleNamespace:
    """Requests up to 10 ms, up to 100 ms, up to 1 s, and longer."""
    below, buckets = 0, []
    for edge, count in zip(EDGES, counts, strict=False):
        below += count
        buckets.append(SimpleNamespace(upper_bound=edge, cumulative_count=below))
    return SimpleNamespace(bucket=buckets, sample_count=sum(counts))


@pytest.mark.parametrize(
    ("counts", "told"),
    [
        ((100, 0, 0, 0), {"p50_ms": 5.0, "p95_ms": 9.5, "p99_ms": 9.9}),
        ((50, 50, 0, 0), {"p50_ms": 10.0, "p95_ms": 91.0, "p99_ms": 98.2}),
        # The slowest are in no bucket: longer than a second is all that is known of them.
        ((90, 0, 0, 10), {"p50_ms": 5.556, "over_ms": 1000.0}),
        ((0, 0, 0, 3), {"over_ms": 1000.0}),
    ],
)
def test_percentiles(counts: tuple[int, ...], told: dict[str, float]) -> None:
    window = LatencyWindow()
    window.add("hs_1", histogram(*counts))
    assert window.percentiles() == {"hs_1": told}
