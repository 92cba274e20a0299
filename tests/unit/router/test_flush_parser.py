"""A node at rest says the same a hundred times a second: that is read once."""

import tracemalloc
from typing import Any

from swaps.router.metrics.gauges import FlushParser
from swaps.router.metrics.messages import GAUGE, StreamMetricsMessage


def flush(*, active: int, at: int) -> Any:
    """`at`: the time of the value, 1 to 127; a field that we do not describe."""
    message = StreamMetricsMessage()
    family = message.envoy_metrics.add(name="cluster.hs_7.upstream_rq_active", type=GAUGE)
    metric = family.metric.add()
    metric.gauge.value = active
    metric.MergeFromString(bytes([6 << 3, at]))
    return message


def test_flushes_that_differ_in_time_only_are_read_once() -> None:
    parser = FlushParser()
    first = parser.parse(flush(active=2, at=1))
    assert first.clusters == {"hs_7": {"active": 2}}
    assert parser.parse(flush(active=2, at=2)) is first


def test_any_other_value_is_read() -> None:
    parser = FlushParser()
    for active in (2, 0, 0, 1):
        assert parser.parse(flush(active=active, at=1)).clusters == {"hs_7": {"active": active}}


def test_what_is_gone_is_gone() -> None:
    parser = FlushParser()
    parser.parse(flush(active=2, at=1))
    assert parser.parse(StreamMetricsMessage()).clusters == {}


def test_names_of_clusters_that_are_gone_are_forgotten() -> None:
    """Each swap has clusters with names of their own, and the process lives for months."""
    parser = FlushParser()
    tracemalloc.start()
    try:
        for number in range(10_000):
            message = StreamMetricsMessage()
            name = f"cluster.hs_{number}.upstream_rq_active"
            family = message.envoy_metrics.add(name=name, type=GAUGE)
            family.metric.add().gauge.value = 1
            assert parser.parse(message).clusters == {f"hs_{number}": {"active": 1}}
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000, "a name and its place are some hundred bytes"
