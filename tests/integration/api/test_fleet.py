"""Hosts, models, router, audit, probes and metrics over REST."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from swaps.models import (
    AuditEntry,
    NodeCertificate,
    NodeIncarnation,
    ProcessHeartbeat,
    RouterProcess,
)
from tests.exposition import sample
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import (
    a_cluster,
    a_host,
    a_model,
    a_node,
    a_swap,
    a_worker,
    acked,
    placed,
    shows,
)

pytestmark = pytest.mark.django_db


def json_of(response: HttpResponse, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()  # type: ignore[attr-defined]


def test_hosts_are_registered_checked_and_read(
    administrator: Caller, viewer: Caller, bundled_host: RunningHost
) -> None:
    body = {
        "name": "alpha",
        "kind": "bundled",
        "url": bundled_host.url,
        "control_token": TOKEN,
    }
    problem_of(viewer.post("hosts", body), 403, "forbidden")
    response = administrator.post("hosts", body)
    host = json_of(response, 201)
    assert response["Location"] == "/api/v1/hosts/alpha"
    assert (host["kind"], host["url"], host["health"]) == ("bundled", bundled_host.url, "healthy")
    assert host["capabilities"]["reports_digest"] is True
    assert TOKEN not in response.content.decode()
    assert json_of(viewer.get("hosts/alpha")) == host
    assert json_of(viewer.get("hosts"))["items"] == [host]
    checked = json_of(administrator.post("hosts/alpha/check"))
    assert checked["health"] == "healthy"
    assert {one["result"] for one in checked["checks"]} == {"passed"}
    problem_of(administrator.post("hosts", body), 422, "invalid-request")
    problem_of(administrator.post("hosts", body | {"kind": "magic"}), 422, "invalid-request")
    problem_of(
        administrator.post("hosts", body | {"name": "b", "url": "ftp://x"}), 422, "invalid-request"
    )
    problem_of(administrator.post("hosts/nothing/check"), 404, "host-not-found")
    assert TOKEN not in str(list(AuditEntry.objects.values()))


def test_a_host_that_is_away_says_so(administrator: Caller) -> None:
    a_host("gone", url="http://127.0.0.1:9")
    host = json_of(administrator.post("hosts/gone/check"))
    assert host["health"] == "unreachable"
    assert host["health_reason"]
    failed = [one for one in host["checks"] if one["result"] == "failed"]
    assert [one["name"] for one in failed] == ["reachable"]
    assert "Start the inference server" in failed[0]["remedy"]


def test_models_are_registered_and_read(administrator: Caller, viewer: Caller) -> None:
    sample = {"inputs": [{"name": "x", "shape": [1], "datatype": "FP32", "data": [1.0]}]}
    body = {"name": "iris", "sample_request": sample, "default_strategy": "canary"}
    response = administrator.post("models", body)
    model = json_of(response, 201)
    assert response["Location"] == "/api/v1/models/iris"
    assert model["sample_request"] == sample
    assert model["route"] == {"revision": 0, "weights": {}, "applied": None}
    assert (model["versions"], model["open_swap"], model["queue"]) == ([], None, [])
    assert json_of(viewer.get("models/iris")) == model
    assert json_of(viewer.get("models")) == {"items": [model], "next": None}
    for wrong in ({"name": "iris"}, {"name": "Iris"}, {"name": "health"}):
        problem_of(administrator.post("models", wrong), 422, "invalid-request")


def test_a_version_by_its_row_by_its_host_or_not_at_all(
    viewer: Caller, bundled_host: RunningHost
) -> None:
    alpha = a_host(url=bundled_host.url, control_token=TOKEN)
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", alpha)
    assert json_of(viewer.get("models/iris/versions/1.0"))["active"] is True
    # Only the host knows of it.
    other = json_of(viewer.get("models/iris/versions/1.1"))
    assert (other["active"], other["weight"], other["in_flight"]) == (False, 0, None)
    assert other["hosts"][0]["host"] == "alpha"
    problem_of(viewer.get("models/iris/versions/9.9"), 404, "version-not-found")
    problem_of(viewer.get("models/iris/versions/%00"), 404, "version-not-found")


def test_the_router_and_the_audit_log(viewer: Caller, operator: Caller) -> None:
    model = a_model(weights={"1.0": 100})
    acked(a_node(), model, 1)
    router = json_of(viewer.get("router"))
    assert router["nodes"][0]["routes"][0] | {"acked_at": None} == {
        "model": "iris",
        "revision": 1,
        "applied": True,
        "acked_at": None,
        "refused_revision": None,
        "refusal": None,
    }
    swap = a_swap(model, state="Transitioning")
    operator.post(f"swaps/{swap.pk}/pause", {"reason": "lunch"})
    entry = json_of(viewer.get("audit?actor=operator-person"))["items"][0]
    assert (entry["action"], entry["source"], entry["reason"]) == ("pause", "API", "lunch")
    assert entry["swap"] == str(swap.pk)
    assert entry["time"].endswith("Z")


def test_alive_is_not_ready() -> None:
    assert json_of(Client().get("/healthz")) == {"status": "ok"}
    answer = json_of(Client().get("/readyz"))
    # This console can do its work: what else is wrong is said, and takes nobody's console away.
    assert answer["parts"] == {
        "postgres": "ok",
        "valkey": "ok",
        "router": "no node is connected",
        "workers": "no worker is heard of",
    }
    assert "No worker has ever been heard of" in answer["warnings"][0]
    worker = a_worker()
    assert json_of(Client().get("/readyz"))["parts"]["workers"] == "ok"
    ProcessHeartbeat.objects.filter(pk=worker.pk).update(
        beat_at=timezone.now() - timedelta(minutes=1)
    )
    warnings = json_of(Client().get("/readyz"))["warnings"]
    assert any(one.startswith("No worker has been heard of since") for one in warnings)
    process = RouterProcess.objects.create(lease_until=timezone.now() + timedelta(minutes=1))
    a_node("edge-1")
    a_node("edge-2", state="away")
    NodeIncarnation.objects.update(router=process)
    answer = json_of(Client().get("/readyz"))
    assert answer["status"] == "ok"
    assert answer["router_nodes"] == {"edge-1": "connected", "edge-2": "away"}
    # The router process died and nobody wrote that its nodes are away.
    RouterProcess.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert json_of(Client().get("/readyz"))["parts"]["router"] == "no node is connected"


def test_certificates_that_end_soon_are_warned_of_and_make_nobody_less_ready(
    viewer: Caller,
) -> None:
    now = timezone.now()
    process = RouterProcess.objects.create(
        lease_until=now + timedelta(minutes=1),
        certificate_ends_at=now + timedelta(days=300),
        authority_ends_at=now + timedelta(days=300),
    )
    for node, days in (("edge-1", 3), ("edge-2", 300), ("edge-3", 3), ("edge-3", 300)):
        NodeCertificate.objects.create(
            node_id=node, serial=f"{node}-{days}", expires_at=now + timedelta(days=days)
        )
    a_node("edge-1")
    a_node("edge-3")
    NodeIncarnation.objects.update(router=process)
    NodeIncarnation.objects.filter(node_id="edge-3").update(certificate="edge-3-3")
    a_worker()
    soon = f"{now + timedelta(days=3):%Y-%m-%d}"
    answer = json_of(Client().get("/readyz"))
    assert answer["status"] == "ok"
    assert [one.split(":")[0] for one in answer["warnings"]] == [
        f"the certificate of node edge-1 ends on {soon}",
        f"node edge-3 still shows a certificate that ends on {soon}, though it was renewed until "
        f"{now + timedelta(days=300):%Y-%m-%d}",
    ]

    RouterProcess.objects.update(authority_ends_at=now + timedelta(days=3))
    found = json_of(viewer.get("router"))["certificates"]
    assert [(one["holder"], one["name"], one["warning"] is None) for one in found] == [
        ("node", "edge-1", False),
        ("node", "edge-2", True),
        ("node", "edge-3", False),
        ("router-process", str(process.pk), True),
        ("authority", str(process.pk), False),
    ]
    ends = round((now + timedelta(days=300)).timestamp(), 3)
    text = Client().get("/metrics").content.decode()
    name = "hotswap_certificate_expiry_timestamp_seconds"
    of_edge_2 = sample(text, name, holder="node", name="edge-2")
    assert of_edge_2 == pytest.approx(ends, abs=1)


def test_metrics_leave_out_what_is_not_known() -> None:
    model = a_model(weights={"1.0": 100})
    cluster, node = a_cluster(model, "1.0"), a_node()
    a_swap(model, state="Transitioning")
    text = Client().get("/metrics").content.decode()
    version = {"model": "iris", "version": "1.0"}
    assert sample(text, "hotswap_swaps", state="Transitioning") == 1
    assert sample(text, "hotswap_weight_percent", **version) == 100
    assert sample(text, "hotswap_route_applied", model="iris") == 0
    assert sample(text, "hotswap_in_flight_requests", **version) is None
    shows(node, **{cluster.name: {"active": 2, "total": 1}})
    text = Client().get("/metrics").content.decode()
    assert sample(text, "hotswap_in_flight_requests", **version) == 2
