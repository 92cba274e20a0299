"""What a swap's traffic was is kept in the rows: few of them, and nothing that nobody knew."""

from datetime import timedelta

import pytest
from django.utils import timezone

from swaps.engine.traffic_record import record_traffic
from swaps.live.gauges import publish_node_gauges
from swaps.models import NodeIncarnation, SwapOperation, TrafficSample
from swaps.readings.swap.traffic_record import read_traffic_record
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_swap, shows

pytestmark = pytest.mark.django_db


@pytest.fixture
def node(db: None) -> NodeIncarnation:
    return a_node()


@pytest.fixture
def swap(node: NodeIncarnation) -> SwapOperation:
    model = a_model(weights={"1.0": 100})
    for version in ("1.0", "1.1"):
        a_cluster(model, version)
    return a_swap(model, state="OldVersionDraining")


def count(node: NodeIncarnation, swap: SwapOperation, **by_version: tuple[int, int, int]) -> None:
    """In flight, good answers and errors, by `old` and `new`."""
    names = {cluster.version: cluster.name for cluster in swap.model.clusters.all()}
    versions = {"old": swap.from_version, "new": swap.to_version}
    shows(
        node,
        **{
            names[versions[side] or ""]: {
                "total": 1, "active": active, "rq_2xx": good, "rq_5xx": bad
            }
            for side, (active, good, bad) in by_version.items()
        },
    )  # fmt: skip


def later(seconds: float) -> None:
    """As if what was sampled so far had been that much earlier."""
    for sample in TrafficSample.objects.all():
        sample.at -= timedelta(seconds=seconds)
        sample.save()


def test_the_drain_curve_and_the_requests_stay(node: NodeIncarnation, swap: SwapOperation) -> None:
    for old, new in (
        ((3, 100, 0), (1, 10, 0)),
        ((1, 102, 0), (2, 40, 1)),
        ((0, 103, 0), (2, 70, 2)),
    ):
        count(node, swap, old=old, new=new)
        record_traffic()
    publish_node_gauges(node.nonce, {})  # the live gauges forget it
    record = read_traffic_record(swap)
    assert [(one.old.in_flight, one.new.in_flight) for one in record.moments] == [
        (3, 1),
        (1, 2),
        (0, 2),
    ]
    assert record.old is not None
    assert record.new is not None
    assert (record.old.requests, record.old.errors, record.old.complete) == (3, 0, True)
    assert (record.new.requests, record.new.errors, record.new.errors_percent) == (62, 2, 3.23)
    # Between two looks: 1 of 31 answers, then 1 of 31.
    assert [one.new.errors_percent for one in record.moments] == [None, 3.23, 3.23]
    assert [one.old.errors_percent for one in record.moments] == [None, 0.0, 0.0]


def test_latency_is_that_of_the_slowest_node_and_unknown_above_what_is_measured(
    node: NodeIncarnation, swap: SwapOperation
) -> None:
    other = a_node("edge-2")
    old, new = (
        swap.model.clusters.get(version=version).name
        for version in (swap.from_version, swap.to_version)
    )
    shows(node, **{old: {"total": 1, "p95_ms": 7.0}, new: {"total": 1, "p95_ms": 9.0}})
    shows(other, **{old: {"total": 1, "p95_ms": 8.5}, new: {"total": 1, "over_ms": 500.0}})
    record_traffic()
    (moment,) = read_traffic_record(swap).moments
    assert (moment.old.p95_ms, moment.new.p95_ms) == (8.5, None)


def test_other_nodes_or_counters_that_begin_anew_are_not_subtracted(
    node: NodeIncarnation, swap: SwapOperation
) -> None:
    count(node, swap, old=(0, 1000, 0))
    record_traffic()
    count(node, swap, old=(0, 1010, 0))
    record_traffic()
    NodeIncarnation.objects.all().update(state="ended")
    count(a_node("edge-9"), swap, old=(0, 5000, 0))
    record_traffic()
    record = read_traffic_record(swap)
    assert record.old is not None
    assert (record.old.requests, record.old.complete) == (10, False)
    assert record.new is None


def test_who_was_not_heard_of_is_unknown(node: NodeIncarnation, swap: SwapOperation) -> None:
    record_traffic()
    record = read_traffic_record(swap)
    assert [(one.old.in_flight, one.new.in_flight) for one in record.moments] == [(None, None)]


def test_a_long_swap_is_sampled_ever_more_seldom(
    node: NodeIncarnation, swap: SwapOperation
) -> None:
    count(node, swap, old=(1, 1, 0))
    assert record_traffic() == 1
    later(3600)
    assert record_traffic() == 1
    later(5)
    assert record_traffic() == 0
    later(60)
    assert record_traffic() == 1


def test_what_is_over_is_left_alone(node: NodeIncarnation, swap: SwapOperation) -> None:
    count(node, swap, old=(1, 1, 0))
    record_traffic()
    SwapOperation.objects.update(state="Completed", end_time=timezone.now())
    assert record_traffic() == 1  # the last requests count
    SwapOperation.objects.update(end_time=timezone.now() - timedelta(seconds=10))
    assert record_traffic() == 0
