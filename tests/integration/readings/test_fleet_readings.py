"""Models, hosts, the router and the audit log, as every door shows them."""

import json
from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from swaps.access.roles import Actor, Role
from swaps.audit.filters import AuditFilter
from swaps.audit.record import record
from swaps.models import Placement, RouterProcess, SwapEvent, SwapOperation
from swaps.readings.audit.entries import read_audit
from swaps.readings.host.hosts import read_host, read_hosts
from swaps.readings.model.models import read_model, read_models
from swaps.readings.router.router import read_router
from swaps.readings.shared.pages import CursorInvalid
from swaps.readings.swap.events import read_events, recent_events
from tests.integration.readings.rows import (
    a_cluster,
    a_host,
    a_model,
    a_node,
    a_swap,
    acked,
    placed,
    shows,
)

pytestmark = pytest.mark.django_db


def active(name: str) -> list[str]:
    return [version.version for version in read_model(name).versions if version.active]


def test_a_model_with_its_versions_route_and_line() -> None:
    model = a_model(weights={"1.0": 100})
    alpha, beta = a_host("alpha"), a_host("beta")
    placed(model, "1.0", alpha)
    placed(model, "1.0", beta)
    placed(model, "1.1", alpha, "available")
    cluster, node = a_cluster(model, "1.0"), a_node()
    acked(node, model, 1)
    shows(node, **{cluster.name: {"active": 4, "total": 2}})
    swap = a_swap(model)
    waiting = a_swap(model, queued=True, from_version="1.1", to_version="1.2")

    reading = read_model("iris").as_json()
    assert json.loads(json.dumps(reading)) == reading
    assert reading["hosts"] == ["alpha", "beta"]
    one, other = reading["versions"]
    assert (one["version"], one["active"], one["weight"], one["in_flight"]) == ("1.0", True, 100, 4)
    assert [(h["host"], h["status"]) for h in one["hosts"]] == [
        ("alpha", "ready"),
        ("beta", "ready"),
    ]
    assert (other["version"], other["active"], other["weight"]) == ("1.1", False, 0)
    assert other["in_flight"] is None
    assert reading["route"] == {"revision": 1, "weights": {"1.0": 100}, "applied": {"1.0": 100}}
    assert reading["open_swap"] == str(swap.pk)
    assert [queued["id"] for queued in reading["queue"]] == [str(waiting.pk)]


def test_active_means_ready_and_serving_or_able_to_serve_again() -> None:
    model = a_model(weights={"1.1": 100})
    alpha = a_host()
    old, new = placed(model, "1.0", alpha), placed(model, "1.1", alpha)
    assert active("iris") == ["1.1"]  # loaded, but nothing brings 1.0 back
    swap = a_swap(model, state="OldVersionDraining", revision=1)
    assert active("iris") == ["1.0", "1.1"]
    SwapOperation.objects.filter(pk=swap.pk).update(past_return_at=timezone.now())
    assert active("iris") == ["1.1"]
    # The host restarted: what answered was another boot.
    type(new).objects.filter(pk=new.pk).update(boot_id="boot-2")
    assert active("iris") == []
    assert old.observed == "ready"


def test_models_and_hosts_in_pages_of_a_fixed_cost(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        placed(a_model(f"model-{number}", weights={"1.0": 100}), "1.0", a_host(f"host-{number}"))
    with django_assert_max_num_queries(9):
        page = read_models(limit=3)
    assert [m.name for m in page.items] == ["model-0", "model-1", "model-2"]
    rest = read_models(cursor=page.cursor)
    assert [m.name for m in rest.items] == ["model-3", "model-4"]
    assert rest.cursor is None
    with django_assert_max_num_queries(3):
        assert len(read_hosts().items) == 5
    with pytest.raises(CursorInvalid):
        read_models(cursor="nonsense")
    with pytest.raises(CursorInvalid):
        read_models(cursor="é")


def test_a_host_shows_what_it_can_do_but_never_its_token() -> None:
    model = a_model()
    alpha = a_host("alpha", control_token="very-secret", health="healthy")
    placed(model, "1.0", alpha)
    a_host("old", kind="no-such-kind")
    reading = read_host("alpha").as_json()
    assert reading["has_control_token"] is True
    assert "very-secret" not in json.dumps(reading)
    assert reading["capabilities"]["scope"] == "native"
    assert reading["versions"][0]["status"] == "ready"
    assert read_host("old").capabilities is None


def test_drift_is_what_nobody_asked_for_and_what_should_be_there() -> None:
    model, alpha = a_model(), a_host("alpha")
    placed(model, "1.0", alpha)
    stray = placed(model, "1.3", alpha)
    Placement.objects.filter(pk=stray.pk).update(desired="absent")
    given_up = placed(model, "1.2", alpha, unload_owed=True)
    Placement.objects.filter(pk=given_up.pk).update(desired="absent")
    lost = placed(model, "0.9", alpha, "available")
    Placement.objects.filter(pk=lost.pk).update(desired="loaded")

    def drift() -> dict[str, str | None]:
        return {one.version: one.drift for one in read_host("alpha").versions}

    assert drift() == {"0.9": "missing", "1.0": None, "1.2": None, "1.3": "unasked"}
    a_swap(model, to_version="0.9", state="LoadingNewVersion")
    assert drift()["0.9"] is None, "its swap says how the load goes"


def test_loads_that_run_take_slots_until_they_are_forgotten() -> None:
    model, alpha = a_model(), a_host("alpha", max_concurrent_loads=2)
    loading = placed(model, "1.1", alpha, "loading", load_called_at=timezone.now())
    Placement.objects.filter(pk=loading.pk).update(desired="loaded")
    placed(model, "1.0", alpha, load_called_at=timezone.now())
    assert read_host("alpha").loads_running == 1
    Placement.objects.update(load_called_at=timezone.now() - timedelta(minutes=11))
    assert read_host("alpha").loads_running == 0


def test_the_router_shows_nodes_incarnations_and_what_each_applied() -> None:
    model = a_model(weights={"1.0": 100})
    live, away = a_node("edge-1"), a_node("edge-2", state="away")
    a_node("edge-1", state="reaped")
    acked(live, model, 1)
    RouterProcess.objects.create(lease_until=timezone.now() + timedelta(minutes=1))
    reading = read_router()
    assert [process.live for process in reading.processes] == [True]
    by_state = {node.state: node for node in reading.nodes}
    assert by_state["connected"].required
    assert not by_state["reaped"].required
    assert by_state["connected"].routes[0].applied
    assert by_state["away"].in_flight is None
    assert reading.routes[0].applied is None
    acked(away, model, 1)
    assert read_router().routes[0].applied == {"1.0": 100}


def test_events_in_order_with_their_reason() -> None:
    swap = a_swap(a_model())
    for generation, reason in enumerate(["asked", "loading"]):
        SwapEvent.objects.create(
            swap=swap,
            generation=generation,
            kind="transition",
            from_state="NotStarted" if generation else "",
            to_state="LoadingNewVersion",
            actor="operator",
            source="API",
            reason=reason,
        )
    events = read_events(swap)
    assert [(event.reason, event.from_state) for event in events] == [
        ("asked", None),
        ("loading", "NotStarted"),
    ]
    assert [event.reason for event in read_events(swap, after=0)] == ["loading"]
    assert events[0].as_json()["time"].endswith("Z")
    assert recent_events(1)[0][1].reason == "loading"


def test_audit_newest_first_by_filter_and_page() -> None:
    for number in range(5):
        record(
            actor=Actor(f"person-{number % 2}", Role.OPERATOR, "API"),
            action="swap",
            object_kind="model",
            object_name=f"model-{number}",
        )
    page = read_audit(limit=2)
    assert [entry.object_name for entry in page.items] == ["model-4", "model-3"]
    assert read_audit(limit=9, cursor=page.cursor).items[0].object_name == "model-2"
    assert len(read_audit(AuditFilter(actor="person-0")).items) == 3
