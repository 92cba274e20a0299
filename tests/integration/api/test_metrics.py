"""/metrics keeps its promise: dashboards and alerts name what stands here."""

from datetime import timedelta

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from swaps.models import Cluster, NodeIncarnation, PeriodicDuty, RouterProcess
from tests.exposition import promised, sample
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_worker, shows

pytestmark = pytest.mark.django_db

NONE: frozenset[str] = frozenset()
OF_A_MODEL = frozenset({"model"})
OF_A_VERSION = frozenset({"model", "version"})
OF_A_PROCESS = frozenset({"kind", "name"})
PROMISED = {
    "hotswap_swaps": ("Swaps by state.", frozenset({"state"})),
    "hotswap_swaps_queued": ("Swaps that wait in line.", NONE),
    "hotswap_hosts": ("Model hosts by health.", frozenset({"health"})),
    "hotswap_router_nodes": ("Router nodes that must agree.", frozenset({"state"})),
    "hotswap_certificate_expiry_timestamp_seconds": (
        "When a certificate between nodes and router processes ends.",
        frozenset({"holder", "name"}),
    ),
    "hotswap_weight_percent": ("Requested weight of a version.", OF_A_VERSION),
    "hotswap_route_revision": ("Newest revision of a route.", OF_A_MODEL),
    "hotswap_route_applied": ("1 when every node applied it.", OF_A_MODEL),
    "hotswap_in_flight_requests": ("Requests now on a version.", OF_A_VERSION),
    "hotswap_process_silent_seconds": (
        "Since a process last said that it lives.",
        OF_A_PROCESS,
    ),
    "hotswap_process_clock_ahead_seconds": (
        "Its machine's clock against Postgres'.",
        OF_A_PROCESS,
    ),
    "hotswap_duty_done_seconds": (
        "Since a worker last finished what it does now and then.",
        frozenset({"duty"}),
    ),
    "hotswap_valkey_up": ("1 when Valkey answers.", NONE),
    "hotswap_postgres_read_only": ("1 when it is.", NONE),
    "hotswap_postgres_notify_queue_ratio": (
        "How full the NOTIFY queue is, from 0 to 1.",
        NONE,
    ),
}


def test_names_helps_and_labels_are_what_is_promised() -> None:
    process = RouterProcess.objects.create(
        lease_until=timezone.now() + timedelta(minutes=1),
        certificate_ends_at=timezone.now() + timedelta(days=300),
    )
    model = a_model(weights={"1.0": 100})
    cluster, node = a_cluster(model, "1.0"), a_node()
    NodeIncarnation.objects.update(router=process)
    a_worker()
    PeriodicDuty.objects.update_or_create(name="sweep", defaults={"done_at": timezone.now()})
    answer = _with_gauges(node, cluster)
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    wanted = {name: ("gauge", *rest) for name, rest in PROMISED.items()}
    assert promised(answer.content.decode()) == wanted


def _with_gauges(node: NodeIncarnation, cluster: Cluster) -> HttpResponse:
    """Gauges are forgotten after some seconds, which a slow machine may take for one answer."""
    for _ in range(30):
        shows(node, **{cluster.name: {"active": 0, "total": 1}})
        answer = Client().get("/metrics")
        if b"\nhotswap_in_flight_requests{" in answer.content:
            return answer
    raise AssertionError(f"the gauges never show: {answer.content.decode()}")


def test_a_family_without_values_is_told_of_all_the_same() -> None:
    text = Client().get("/metrics").content.decode()
    assert promised(text).keys() == PROMISED.keys()
    assert sample(text, "hotswap_swaps", state="Completed") == 0
    assert "\nhotswap_weight_percent" not in text


def test_a_process_may_be_named_anything() -> None:
    name = 'worker "1"\\one\n@tests'
    a_worker(name)
    text = Client().get("/metrics").content.decode()
    assert sample(text, "hotswap_process_silent_seconds", kind="worker", name=name) is not None
