"""Rows in, requests out: what a committed route does to clients, and what is written back."""

from swaps.models import ClusterOnNode
from tests.integration.router.parts import (
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
)


def test_a_committed_route_is_applied_and_serves(envoy: EnvoyNode, upstream: int) -> None:
    route = a_model("iris")
    cluster = a_cluster(route, "1.0", upstream)
    eventually(
        lambda: ClusterOnNode.objects.filter(cluster=cluster, healthy=1, total=1).exists(),
        "the cluster is warm",
    )
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, envoy), "revision 1 is applied")

    answer = ask(envoy.port, "POST", "/v2/models/iris/infer", body=b"12345")
    assert answer.status == 200
    assert answer.headers["x-model-version"] == "1.0"
    assert answer.body.startswith(f"/c/{cluster.pk}/infer 5 ".encode())
