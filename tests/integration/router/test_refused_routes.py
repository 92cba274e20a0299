"""What Envoy refuses is a row with its reason, and what it had keeps serving.

Rows cannot make such a configuration: it is refused before it is sent. So the last line of
defence is tried with a router process whose checks are taken out.
"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from swaps.models import RouteOnNode
from swaps.router.process import RouterProcess
from swaps.router.resources import route_tables, snapshot
from tests.integration.router.parts import (
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    warm,
)


@pytest.fixture
def careless_envoy(
    transactional_db: None, sockets: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[EnvoyNode]:
    """Envoy on a router process, in this one, that sends clusters and tables unchecked."""
    monkeypatch.setattr(snapshot, "cluster_problem", lambda cluster: None)
    build = route_tables.build_route_table

    def names_an_unknown_cluster(model, route):  # type: ignore[no-untyped-def]
        table = build(model, route)
        if "9.9" in route.gone:
            for one in table.virtual_hosts[0].routes:
                for entry in one.route.weighted_clusters.clusters:
                    entry.name = "hs_nowhere"
        return table

    monkeypatch.setattr(snapshot, "build_route_table", names_an_unknown_cluster)
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    process = RouterProcess(sockets / "xds.sock")
    thread = threading.Thread(target=lambda: loop.run_until_complete(process.run(stop)))
    thread.start()
    eventually(process.socket.exists, "the router process listens")
    node = EnvoyNode(sockets, [process.socket]).start()
    try:
        eventually(node.listens, "Envoy listens")
        yield node
    finally:
        node.kill()
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def test_a_refused_route_is_told_and_the_old_one_serves_on(
    careless_envoy: EnvoyNode, upstream: int
) -> None:
    route = a_model("iris")
    clusters = [a_cluster(route, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(careless_envoy, *clusters), "both clusters are warm")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, careless_envoy), "revision 1 is applied")

    commit_route(route, {"1.1": 100}, gone=["9.9"])
    row = eventually(
        lambda: RouteOnNode.objects.filter(route=route, nacked_revision=2).first(),
        "the refusal is recorded",
    )
    assert row is not None
    assert row.revision == 1
    assert "hs_nowhere" in row.nack_detail
    answer = ask(careless_envoy.port, "POST", "/v2/models/iris/infer")
    assert answer.headers["x-model-version"] == "1.0"

    commit_route(route, {"1.1": 100})
    eventually(lambda: applied(route, careless_envoy), "a better revision is applied")
    row.refresh_from_db()
    assert (row.revision, row.nacked_revision, row.nack_detail) == (3, None, "")


def test_a_refused_cluster_does_not_stand_in_the_way_of_others(
    careless_envoy: EnvoyNode, upstream: int
) -> None:
    bad, good = a_model("bad"), a_model("good")
    a_cluster(
        bad,
        "1.0",
        upstream,
        endpoints=[{"host": "h", "address": "bad\nname", "port": upstream, "tls": False}],
    )
    commit_route(bad, {"1.0": 100})
    cluster = a_cluster(good, "1.0", upstream)
    eventually(lambda: warm(careless_envoy, cluster), "the good cluster is warm")
    commit_route(good, {"1.0": 100})
    eventually(lambda: applied(good, careless_envoy), "the good route is applied")
    assert ask(careless_envoy.port, "POST", "/v2/models/good/infer").status == 200

    refused = eventually(
        lambda: RouteOnNode.objects.filter(route=bad, nacked_revision=1).first(),
        "the bad route is refused",
    )
    assert refused is not None
    assert "is not usable" in refused.nack_detail
    assert "left out" in careless_envoy.row.nack
