"""What is kept of the gauges for charts, and what charts are told of it."""

import json
from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from swaps.live.gauge_history import EVERY_SECONDS, KEPT_SECONDS, history_key
from swaps.live.gauges import publish_node_gauges, read_gauge_history
from swaps.live.valkey import forget_valkey, valkey
from swaps.models import Cluster, NodeIncarnation, ServedModel
from swaps.readings.traffic.history import TrafficHistory, read_traffic_history
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_swap

pytestmark = pytest.mark.django_db

NOW = 1_000_000.0


def keep(
    node: NodeIncarnation, cluster: Cluster, looks: Iterable[tuple[float, int, int, float | None]]
) -> None:
    """Looks: seconds before NOW, answers, errors, p95."""
    entries = [
        json.dumps([NOW - ago, answers, errors, 0, p95]) for ago, answers, errors, p95 in looks
    ]
    with valkey() as client:
        client.rpush(history_key(node.nonce, cluster.name), *entries)


def history(model: ServedModel, seconds: float = 30) -> TrafficHistory:
    return read_traffic_history(model, seconds=seconds, now=NOW)


def test_one_look_in_five_seconds_is_kept_of_what_has_traffic() -> None:
    node = a_node()
    for answers in (10, 20, 30):
        publish_node_gauges(
            node.nonce,
            {"busy": {"rq_2xx": answers, "rq_5xx": 1, "active": 2}, "idle": {"total": 1}},
        )
    kept = read_gauge_history([node.nonce], ["busy", "idle"])
    assert kept["idle"] == [[]]
    [[look]] = kept["busy"]
    assert (look.answers, look.errors, look.active, look.p95_ms) == (11, 1, 2, None)
    with valkey() as client:
        lives = client.ttl(history_key(node.nonce, "busy"))
    assert 0 < lives <= KEPT_SECONDS


def test_no_more_is_kept_than_charts_show() -> None:
    node = a_node()
    key = history_key(node.nonce, "busy")
    with valkey() as client:
        client.rpush(key, *["[0, 1, 0, 0, null]"] * 500)
        publish_node_gauges(node.nonce, {"busy": {"rq_2xx": 7}})
        assert client.llen(key) == KEPT_SECONDS / EVERY_SECONDS
        assert json.loads(client.lindex(key, -1))[1] == 7


def test_rates_are_summed_over_nodes_and_the_slowest_tells_the_latency() -> None:
    model = a_model(weights={"1.0": 100})
    cluster, nodes = a_cluster(model, "1.0"), [a_node("edge-1"), a_node("edge-2")]
    keep(nodes[0], cluster, [(32, 0, 0, 8.0), (12, 200, 20, 9.0), (0, 320, 20, 9.0)])
    keep(nodes[1], cluster, [(30, 0, 0, 8.0), (20, 50, 0, 30.0)])
    [line] = history(model).versions
    assert line.requests_per_second == (None, 5.0, 5.0, None, 10.0, 10.0, 10.0)
    assert line.p95_ms == (None, 30.0, 30.0, None, 9.0, 9.0, 9.0)
    assert line.errors_percent[-1] == 0


def test_what_nobody_kept_and_counts_that_fell_are_not_known() -> None:
    model = a_model(weights={"1.0": 100})
    cluster, node = a_cluster(model, "1.0"), a_node()
    keep(
        node, cluster, [(32, 100, 0, None), (26, 130, 0, None), (14, 20, 0, None), (4, 70, 0, None)]
    )
    [line] = history(model).versions
    assert line.requests_per_second == (5.0, None, None, None, 5.0, 5.0, None)
    assert all(errors in {0, None} for errors in line.errors_percent)


def test_a_version_that_just_left_is_shown_and_one_long_gone_is_not() -> None:
    model, node = a_model(weights={"1.1": 100}), a_node()
    for version, ago in {"1.1": None, "1.0": 5, "0.9": 3600}.items():
        cluster = a_cluster(model, version)
        if ago is not None:
            cluster.retired_at = timezone.now() - timedelta(seconds=ago)
            cluster.save()
        keep(node, cluster, [(30, 0, 0, None), (20, 100, 0, None)])
    a_swap(model, state="Completed", revision=1)
    a_swap(model, state="Cancelled", from_version="1.1", to_version="1.2")  # it moved nothing
    found = history(model)
    assert [line.version for line in found.versions] == ["1.0", "1.1"]
    assert found.sides == {"1.0": "old", "1.1": "new"}
    assert len(found.moments) == 30 / EVERY_SECONDS + 1


def test_without_valkey_nothing_is_known_and_nothing_fails(settings: Settings) -> None:
    model = a_model(weights={"1.0": 100})
    a_cluster(model, "1.0")
    node = a_node()
    settings.VALKEY_URL = "unix:///nowhere/valkey.sock"
    forget_valkey()
    try:
        publish_node_gauges(node.nonce, {"hs_1": {"rq_2xx": 1}})
        assert history(model).versions == ()
    finally:
        forget_valkey()
