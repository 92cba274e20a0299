"""What is over is forgotten after its time; nothing that is open, and nothing that explains it."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.sessions.models import Session
from django.utils import timezone

from swaps.engine.sweeping import retention
from swaps.engine.sweeping.retention import forget_what_is_over
from swaps.models import (
    AuditEntry,
    Cluster,
    ClusterOnNode,
    DrainProof,
    DrainWatch,
    NodeCertificate,
    NodeIncarnation,
    RouteOnNode,
    RouterProcess,
    ServedModel,
    SwapEvent,
    SwapOperation,
    TrafficSample,
)
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_swap, acked, warm

pytestmark = pytest.mark.django_db

YEARS = timedelta(days=800)
LONG_AGO = timezone.now() - YEARS


@pytest.fixture
def iris() -> ServedModel:
    return a_model("iris", weights={"1.1": 100})


@pytest.fixture(autouse=True)
def _few_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "NEWEST_KEPT", 2)
    monkeypatch.setattr(retention, "BATCH", 3)


def an_old_swap(model: ServedModel, days: int = 0, **changes: Any) -> SwapOperation:
    began = LONG_AGO + timedelta(days=days)
    swap = a_swap(
        model,
        **{"state": "Completed", "end_time": began + timedelta(minutes=1), **changes},
    )
    SwapOperation.objects.filter(pk=swap.pk).update(start_time=began)
    SwapEvent.objects.create(
        swap=swap, generation=0, kind="created", actor="a", source="API", reason="r"
    )
    return swap


def kept() -> set[uuid.UUID]:
    return set(SwapOperation.objects.values_list("pk", flat=True))


def test_old_swaps_go_with_their_events_and_the_newest_of_a_model_stay(iris: ServedModel) -> None:
    swaps = [an_old_swap(iris, day) for day in range(10)]
    lone = an_old_swap(a_model("wine"))
    AuditEntry.objects.create(
        actor="a", role="", source="API", action="swap", object_kind="model",
        object_name="iris", swap=swaps[0].pk, outcome="done", nonce=uuid.uuid4(),
    )  # fmt: skip
    assert forget_what_is_over()["swaps"] == 8  # in batches of three
    assert kept() == {swaps[8].pk, swaps[9].pk, lone.pk}
    assert SwapEvent.objects.count() == 3
    assert AuditEntry.objects.filter(swap=swaps[0].pk).exists()
    assert forget_what_is_over()["swaps"] == 0


def test_what_is_open_owed_or_named_by_a_roll_back_stays(iris: ServedModel) -> None:
    is_open = an_old_swap(iris, 0, state="Transitioning", end_time=None)
    owing = an_old_swap(iris, 1, cleanup_pending=True)
    named, over = an_old_swap(iris, 2), an_old_swap(iris, 3)
    recent = a_swap(iris, state="Completed", end_time=timezone.now(), reverses=named)
    newest = a_swap(iris, state="Completed", end_time=timezone.now())
    forget_what_is_over()
    assert over.pk not in kept()
    assert kept() == {is_open.pk, owing.pk, named.pk, recent.pk, newest.pk}


def test_nothing_goes_where_the_settings_say_for_good(
    iris: ServedModel, settings: LazySettings
) -> None:
    settings.KEEP_SWAPS = settings.KEEP_TRAFFIC = settings.KEEP_ROUTER_ROWS = timedelta(0)
    swaps = [an_old_swap(iris, day) for day in range(4)]
    TrafficSample.objects.create(swap=swaps[0], nodes="", at=LONG_AGO)
    ended_node()
    gone = forget_what_is_over()
    assert "swaps" not in gone
    assert len(kept()) == 4
    assert TrafficSample.objects.exists()
    assert NodeIncarnation.objects.exists()


def ended_node(**changes: Any) -> NodeIncarnation:
    node = a_node(changes.pop("name", "edge-1"), state=changes.pop("state", "reaped"))
    NodeIncarnation.objects.filter(pk=node.pk).update(**{"ended_at": LONG_AGO, **changes})
    return node


def test_samples_go_before_their_swap(iris: ServedModel) -> None:
    swap = a_swap(iris, state="Completed", end_time=timezone.now())
    for at in (LONG_AGO, timezone.now()):
        TrafficSample.objects.create(swap=swap, nodes="", at=at)
    assert forget_what_is_over()["traffic samples"] == 1
    assert TrafficSample.objects.get().at > LONG_AGO


def test_runs_of_nodes_that_ended_go_with_what_they_said(iris: ServedModel) -> None:
    ended, away, alive = ended_node(), ended_node(state="away", name="edge-2"), a_node("edge-3")
    cluster = a_cluster(iris, "1.1")
    for node in (ended, away, alive):
        acked(node, iris, 1)
        warm(node, cluster)
    forget_what_is_over()
    assert set(NodeIncarnation.objects.values_list("pk", flat=True)) == {away.pk, alive.pk}
    assert RouteOnNode.objects.count() == ClusterOnNode.objects.count() == 2


def test_closed_watches_go_with_their_proofs_and_then_the_retired_clusters(
    iris: ServedModel,
) -> None:
    node = a_node()
    retired, live = a_cluster(iris, "1.0"), a_cluster(iris, "1.1")
    Cluster.objects.filter(pk=retired.pk).update(retired_at=LONG_AGO)
    warm(node, retired)
    closed = DrainWatch.objects.create(cluster=retired, closed_at=LONG_AGO)
    DrainProof.objects.create(watch=closed, incarnation=node, stream=node.stream, flushes=2)
    over = a_swap(iris, state="Completed", end_time=timezone.now(), drain_watch=closed)
    asked = DrainWatch.objects.create(cluster=live, closed_at=LONG_AGO)
    a_swap(iris, state="OldVersionDraining", drain_watch=asked)
    gone = forget_what_is_over()
    assert (gone["watches"], gone["clusters"]) == (1, 1)
    over.refresh_from_db()
    assert over.drain_watch_id is None
    assert DrainWatch.objects.get() == asked
    assert Cluster.objects.get() == live
    assert not DrainProof.objects.exists()


def test_sessions_leases_and_certificates_that_ended_go(iris: ServedModel) -> None:
    now = timezone.now()
    for key, ends in (("a", LONG_AGO), ("b", now + timedelta(hours=1))):
        Session.objects.create(session_key=key, session_data="", expire_date=ends)
        NodeCertificate.objects.create(node_id="edge-1", serial=key, expires_at=ends)
    lapsed = RouterProcess.objects.create(lease_until=LONG_AGO)
    RouterProcess.objects.create(lease_until=now)
    node = a_node()
    NodeIncarnation.objects.filter(pk=node.pk).update(router=lapsed)
    forget_what_is_over()
    assert Session.objects.get().session_key == "b"
    assert NodeCertificate.objects.get().serial == "b"
    assert RouterProcess.objects.count() == 1
    node.refresh_from_db()
    assert node.router_id is None
