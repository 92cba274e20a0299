"""Rows in, requests out: what a committed route does to clients."""

import json
from pathlib import Path

import pytest

from swaps.models import Cluster, ClusterOnNode, Route
from tests.integration.router.parts import (
    Answer,
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    members,
    warm,
)


@pytest.fixture
def route(envoy: EnvoyNode) -> Route:
    return a_model("iris")


@pytest.fixture
def clusters(route: Route, envoy: EnvoyNode, upstream: int) -> dict[str, Cluster]:
    """Versions 1.0 and 1.1, warm, no weight yet."""
    made = {version: a_cluster(route, version, upstream) for version in ("1.0", "1.1")}
    eventually(lambda: warm(envoy, *made.values()), "both clusters are warm")
    return made


def committed(route: Route, envoy: EnvoyNode, weights: dict[str, int], **more: list[str]) -> None:
    commit_route(route, weights, **more)  # type: ignore[arg-type]
    eventually(lambda: applied(route, envoy), f"revision {route.revision} is applied")


def refused(answer: Answer, status: int, *words: str) -> None:
    """The protocol's error form, and a reason that names what was asked for."""
    assert answer.status == status, answer
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"error"}
    for word in words:
        assert word in answer.json["error"]


def test_a_committed_route_is_applied_and_serves(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    committed(route, envoy, {"1.0": 100})
    answer = ask(envoy.port, "POST", "/v2/models/iris/infer", body=b"12345")
    assert answer.status == 200
    assert answer.headers["x-model-version"] == "1.0"
    assert answer.headers["x-request-id"]
    assert answer.body.startswith(f"/c/{clusters['1.0'].pk}/infer 5 ".encode())
    for path, verb in (("", "metadata"), ("/ready", "ready")):
        answer = ask(envoy.port, "GET", f"/v2/models/iris{path}")
        assert answer.body.startswith(f"/c/{clusters['1.0'].pk}/{verb} ".encode())

    committed(route, envoy, {"1.1": 100})
    answer = ask(envoy.port, "POST", "/v2/models/iris/infer?trace=1")
    assert answer.headers["x-model-version"] == "1.1"


@pytest.mark.parametrize(
    ("method", "path", "verb"),
    [
        ("POST", "/v2/models/iris/infer", "infer"),
        ("GET", "/v2/models/iris", "metadata"),
        ("GET", "/v2/models/iris/ready", "ready"),
        ("POST", "/v2/models/iris/versions/1.0/infer", "infer"),
        ("GET", "/v2/models/iris/versions/1.0", "metadata"),
    ],
)
def test_a_query_goes_along_and_changes_no_way(
    method: str,
    path: str,
    verb: str,
    route: Route,
    clusters: dict[str, Cluster],
    envoy: EnvoyNode,
) -> None:
    committed(route, envoy, {"1.0": 100})
    for query in ("?trace=1&of=a%2Fb", "?/v2/models/other/infer", "?"):
        answer = ask(envoy.port, method, path + query)
        assert answer.status == 200, (query, answer)
        assert answer.body.startswith(f"/c/{clusters['1.0'].pk}/{verb}{query} ".encode())
    seen = ask(envoy.port, "POST", "/v2/models/iris/infer?x", headers={"x-hs-asked": "/mine"})
    assert b"x-hs-" not in seen.body


def test_only_what_a_version_answered_names_a_version(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode, upstream: int
) -> None:
    committed(route, envoy, {"1.0": 100}, gone=["0.9"])
    assert ask(envoy.port, "POST", "/v2/models/iris/infer").headers["x-model-version"] == "1.0"
    ask(upstream, "GET", f"/unready/{clusters['1.0'].pk}")
    down = eventually(
        lambda: (
            answer
            if (answer := ask(envoy.port, "POST", "/v2/models/iris/infer")).status == 503
            else None
        ),
        "nobody is left to answer",
    )
    gone = ask(envoy.port, "POST", "/v2/models/iris/versions/0.9/infer")
    for answer in (down, gone):
        assert "x-model-version" not in answer.headers


def test_weights_split_the_requests(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    committed(route, envoy, {"1.0": 50, "1.1": 50})
    versions = [
        ask(envoy.port, "POST", "/v2/models/iris/infer").headers["x-model-version"]
        for _ in range(60)
    ]
    assert set(versions) == {"1.0", "1.1"}


def test_a_sticky_header_keeps_a_caller_on_one_version(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    Route.objects.filter(pk=route.pk).update(sticky_header="x-user")
    committed(route, envoy, {"1.0": 50, "1.1": 50})

    def version_of(user: str) -> str:
        answer = ask(envoy.port, "POST", "/v2/models/iris/infer", headers={"x-user": user})
        return answer.headers["x-model-version"]

    users = [f"user-{n}" for n in range(30)]
    first = {user: version_of(user) for user in users}
    assert set(first.values()) == {"1.0", "1.1"}
    assert {user: version_of(user) for user in users} == first


def test_a_pinned_version_is_served_without_weight_and_gone_once_drained(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    committed(route, envoy, {"1.0": 100}, pinned=["1.1"])
    for version in ("1.0", "1.1"):
        for method, verb in (("POST", "/infer"), ("GET", "/ready"), ("GET", "")):
            answer = ask(envoy.port, method, f"/v2/models/iris/versions/{version}{verb}")
            assert answer.status == 200
            assert answer.headers["x-model-version"] == version

    committed(route, envoy, {"1.1": 100}, gone=["1.0"])
    for method, verb in (("POST", "/infer"), ("GET", "/ready"), ("GET", "")):
        refused(ask(envoy.port, method, f"/v2/models/iris/versions/1.0{verb}"), 410, "1.0", "iris")
    # From this revision on, and not from its drain on: what was sent before may still run.
    output = ask(envoy.port, "POST", "/v2/models/iris/versions/1.0/infer").json["error"]
    assert output == "version 1.0 of iris is served no longer: another one took its place"
    refused(ask(envoy.port, "POST", "/v2/models/iris/versions/9.9/infer"), 404, "iris")


def test_an_unknown_model_is_404_and_one_without_an_active_version_503(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    refused(ask(envoy.port, "POST", "/v2/models/nobody/infer"), 404, "/v2/models/nobody/infer")
    committed(route, envoy, {})
    refused(ask(envoy.port, "POST", "/v2/models/iris/infer"), 503, "iris")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v2/repository/models/iris/load"),
        ("POST", "/v2/repository/models/iris/unload"),
        ("POST", "/v2/repository/index"),
        ("POST", "/v2/models/iris/load"),
        ("POST", "/v2/models/iris/versions/1.0/load"),
        ("POST", "/v2/models/iris/versions/1.0/unload"),
        ("DELETE", "/v2/models/iris"),
        ("GET", "/v2/models/iris/infer"),
        ("POST", "/v2/models/iris/../../repository/index"),
    ],
)
def test_only_inference_verbs_pass(
    method: str, path: str, route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    committed(route, envoy, {"1.0": 100})
    refused(ask(envoy.port, method, path), 404)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/models/iris/..%2F..%2Frepository%2Findex",
        "/v2/models/iris%2Finfer",
        "/v2/models/iris/versions/1.0%2f..%2f..%2frepository/index",
        "/v2/models/iris/..%5Cload",
    ],
)
def test_escaped_slashes_lead_nowhere(
    path: str, route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode, sockets: Path
) -> None:
    committed(route, envoy, {"1.0": 100})
    assert ask(envoy.port, "POST", path).status == 400
    ask(envoy.port, "POST", "/v2/models/iris/infer")
    seen = (sockets / "upstream.log").read_text().split()[::3]
    assert seen == [str(clusters["1.0"].pk)], "a host saw the inference, and nothing else"


def test_clients_cannot_speak_for_the_router(
    route: Route, clusters: dict[str, Cluster], envoy: EnvoyNode
) -> None:
    committed(route, envoy, {"1.0": 100})
    forged = {"x-hs-path": "/v2/repository/index", "x-envoy-retry-on": "5xx", "x-mine": "kept"}
    answer = ask(envoy.port, "POST", "/v2/models/iris/infer", headers=forged)
    url, _, seen = answer.body.decode().split(" ")
    assert url == f"/c/{clusters['1.0'].pk}/infer"
    assert "x-mine=kept" in seen
    assert "x-hs-path" not in seen
    assert "x-envoy-retry-on" not in seen


def test_warm_is_what_the_nodes_own_gauges_show(
    route: Route, envoy: EnvoyNode, upstream: int
) -> None:
    cluster = a_cluster(route, "1.0", upstream)
    eventually(lambda: warm(envoy, cluster), "the cluster is warm")
    ask(upstream, "GET", f"/unready/{cluster.pk}")
    eventually(
        lambda: ClusterOnNode.objects.filter(cluster=cluster, healthy=0, total=1).exists(),
        "the loss of readiness is seen",
    )
    ask(upstream, "GET", f"/ready/{cluster.pk}")
    eventually(lambda: warm(envoy, cluster), "it is warm again")


def test_two_failed_checks_take_no_host_out_whatever_they_answered(
    route: Route, envoy: EnvoyNode, upstream: int, sockets: Path
) -> None:
    cluster = a_cluster(route, "1.0", upstream)
    eventually(lambda: warm(envoy, cluster), "the cluster is warm")
    before = ClusterOnNode.objects.get(cluster=cluster)
    ask(upstream, "GET", f"/stumble/{cluster.pk}")
    log = sockets / "upstream.log"
    eventually(lambda: f"steady-{cluster.pk}" in log.read_text(), "it passes its checks again")
    assert log.read_text().count(f"stumbled-{cluster.pk}") == 2
    after = ClusterOnNode.objects.get(cluster=cluster)
    assert (after.healthy, after.observed_at) == (1, before.observed_at)


def test_a_host_is_called_by_its_own_name_and_the_clients_is_told_along(
    route: Route, envoy: EnvoyNode, upstream: int
) -> None:
    endpoint = {"host": "gpu-7", "address": "127.0.0.1", "port": upstream, "name": "gpu-7.example"}
    cluster = a_cluster(route, "1.0", upstream, endpoints=[endpoint])
    eventually(lambda: warm(envoy, cluster), "the cluster is warm")
    committed(route, envoy, {"1.0": 100})
    seen = ask(envoy.port, "POST", "/v2/models/iris/infer").body.decode().split(" ")[2].split(",")
    assert f"host=gpu-7.example:{upstream}" in seen
    assert "x-forwarded-host=router" in seen


def test_each_change_of_healthy_members_is_written(
    route: Route, envoy: EnvoyNode, upstream: int, second_upstream: int
) -> None:
    cluster = a_cluster(
        route,
        "1.0",
        upstream,
        endpoints=[
            {"host": f"host-{port}", "address": "127.0.0.1", "port": port}
            for port in (upstream, second_upstream)
        ],
    )
    eventually(lambda: members(envoy, cluster) == (2, 2), "both are healthy")
    for healthy, port in ((1, upstream), (0, second_upstream)):
        ask(port, "GET", f"/unready/{cluster.pk}")
        eventually(lambda n=healthy: members(envoy, cluster) == (n, 2), f"{healthy} is left")  # type: ignore[misc]
    for healthy, port in ((1, upstream), (2, second_upstream)):
        ask(port, "GET", f"/ready/{cluster.pk}")
        eventually(lambda n=healthy: members(envoy, cluster) == (n, 2), f"{healthy} are back")  # type: ignore[misc]


def test_the_admin_interface_and_the_xds_socket_are_their_owners_alone(
    envoy: EnvoyNode, sockets: Path
) -> None:
    modes = {
        path.name: path.stat().st_mode & 0o777 for path in sockets.glob("*") if path.is_socket()
    }
    assert modes == {"xds.sock": 0o600, "envoy-1.admin": 0o600}
    bootstrap = json.loads((sockets / "envoy-1.json").read_text())
    assert bootstrap["node"]["metadata"]["nonce"] == envoy.nonce
