"""Proof rows: there when a version is idle for good, and not a moment before."""

import asyncio
import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.db.models.functions import Now

from swaps.live.gauges import read_node_gauges
from swaps.live.notify import notify_routes
from swaps.models import Cluster, DrainProof, DrainWatch, Route
from tests.integration.router.parts import (
    Answer,
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    in_flight,
    in_thread,
    open_watch,
    request,
    warm,
)

LONG_MS = 1500


@pytest.fixture
def route(envoy: EnvoyNode, upstream: int) -> Route:
    """`iris`: all on 1.0, and 1.1 warm."""
    made = a_model("iris")
    clusters = [a_cluster(made, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(envoy, *clusters), "both clusters are warm")
    commit_route(made, {"1.0": 100})
    eventually(lambda: applied(made, envoy), "revision 1 is applied")
    return made


def cluster_of(route: Route, version: str) -> Cluster:
    return Cluster.objects.get(model=route.model, version=version, retired_at=None)


def proven(watch: DrainWatch | None, *nodes: EnvoyNode) -> bool:
    assert watch is not None
    proofs = DrainProof.objects.filter(watch=watch)
    return set(proofs.values_list("incarnation__nonce", flat=True)) >= {n.nonce for n in nodes}


async def while_it_runs[T](
    node: EnvoyNode, check: Callable[[], T], how_long: str = "x-work-ms"
) -> tuple[T, Answer]:
    """Run `check` while a long request executes on the version that serves now."""
    running = asyncio.create_task(
        request(node.port, "POST", "/v2/models/iris/infer", headers={how_long: str(LONG_MS)})
    )
    checked = await in_thread(check)
    return checked, await running


@pytest.mark.parametrize("how_long", ["x-work-ms", "x-stream-ms"])
def test_a_request_in_flight_holds_back_the_proof(
    how_long: str, route: Route, envoy: EnvoyNode, upstream: int, sockets: Path
) -> None:
    """Until it is answered, and as long as the answer streams."""

    def flip() -> DrainWatch | None:
        eventually(lambda: in_flight(route, "1.0", envoy) == 1, "the request is seen executing")
        return commit_route(route, {"1.1": 100}, drain=cluster_of(route, "1.0"))

    watch, answer = asyncio.run(while_it_runs(envoy, flip, how_long))
    assert answer.headers["x-model-version"] == "1.0"
    eventually(lambda: proven(watch, envoy), "proven, once it ended")
    log = (sockets / "upstream.log").read_text().split()
    ended_ns = int(log[log.index(str(cluster_of(route, "1.0").pk)) + 2])
    proof = DrainProof.objects.get(watch=watch)
    assert proof.proven_at.timestamp() * 1e9 > ended_ns
    assert proof.flushes >= 3


def test_every_node_proves_for_itself(
    route: Route, envoy: EnvoyNode, new_envoy: Callable[..., EnvoyNode]
) -> None:
    second = new_envoy(node_id="envoy-2")
    eventually(lambda: applied(route, envoy, second), "both have revision 1")
    watch = commit_route(route, {"1.1": 100}, drain=cluster_of(route, "1.0"))
    eventually(lambda: proven(watch, envoy, second), "both have proven it")


def test_a_version_that_a_pinned_path_leads_to_is_not_proven(
    route: Route, envoy: EnvoyNode
) -> None:
    held = commit_route(route, {"1.1": 100}, pinned=["1.0"], drain=cluster_of(route, "1.0"))
    eventually(lambda: applied(route, envoy), "revision 2 is applied")
    asked = open_watch(cluster_of(route, "1.0"))
    eventually(lambda: proven(asked, envoy), "it is idle, whatever leads to it")
    assert not proven(held, envoy)
    watch = commit_route(route, {"1.1": 100}, gone=["1.0"], drain=cluster_of(route, "1.0"))
    eventually(lambda: proven(watch, envoy), "proven once nothing leads to it")
    assert not proven(held, envoy)


def test_a_watch_without_a_revision_is_answered_when_idle_whatever_the_weight(
    route: Route, envoy: EnvoyNode
) -> None:
    def ask_while_busy() -> DrainWatch:
        eventually(lambda: in_flight(route, "1.0", envoy) == 1, "the request is seen executing")
        watch = open_watch(cluster_of(route, "1.0"))
        other = open_watch(cluster_of(route, "1.1"))
        eventually(lambda: proven(other, envoy), "the idle version is proven at once")
        assert not proven(watch, envoy)
        return watch

    watch, _ = asyncio.run(while_it_runs(envoy, ask_while_busy))
    eventually(lambda: proven(watch, envoy), "proven once idle")


def test_what_readers_ask_disturbs_no_proof(route: Route, envoy: EnvoyNode) -> None:
    """Nor do they hold up each other: here somebody asks and goes away, again and again."""
    over = threading.Event()
    asked = []

    def ask_without_end() -> None:
        try:
            while not over.is_set():
                watch = open_watch(cluster_of(route, "1.1"))
                asked.append(watch)
                DrainWatch.objects.filter(pk=watch.pk).update(closed_at=Now())
                notify_routes(route.model_id)
        finally:
            connection.close()

    reader = threading.Thread(target=ask_without_end)
    reader.start()
    try:
        eventually(lambda: len(asked) > 20, "they ask")
        mine = open_watch(cluster_of(route, "1.1"))
        watch = commit_route(route, {"1.1": 100}, drain=cluster_of(route, "1.0"))
        eventually(lambda: proven(watch, envoy), "the drain is proven all the same")
        eventually(lambda: proven(mine, envoy), "and who waits for an answer gets it")
    finally:
        over.set()
        reader.join()


def test_the_gauges_count_answers_and_times(route: Route, envoy: EnvoyNode) -> None:
    for _ in range(5):
        ask(envoy.port, "POST", "/v2/models/iris/infer", headers={"x-work-ms": "3"})

    def counted() -> bool:
        [gauges] = read_node_gauges([envoy.nonce])
        seen = (gauges or {}).get(cluster_of(route, "1.0").name, {})
        return seen.get("rq_2xx") == 5 and "p99_ms" in seen

    eventually(counted, "five answers and their percentiles are published")
    [gauges] = read_node_gauges([envoy.nonce])
    assert json.dumps(gauges)
