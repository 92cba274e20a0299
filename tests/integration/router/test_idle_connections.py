"""The router closes idle connections before the host does, also where that is set late."""

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from swaps.access.roles import Actor, Role
from swaps.commands.hosts.edits import update_host
from swaps.models import Cluster, DrainProof, DrainWatch, ModelHost, Route
from tests.integration.adapters.closing_host import ClosingHost, a_host_that_closes
from tests.integration.router.parts import (
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    in_flight,
    in_thread,
    request,
    warm,
)

CLOSES_AFTER = 20.0  # however busy this machine, the router is earlier
ADMINISTRATOR = Actor("an administrator", Role.ADMINISTRATOR, "console", "127.0.0.1")


@pytest.fixture
def closing() -> Iterator[ClosingHost]:
    with a_host_that_closes(CLOSES_AFTER) as host:
        yield host


def served_from(port: int, envoy: EnvoyNode) -> tuple[Route, Cluster]:
    ModelHost.objects.create(name="host-1", kind="bundled", url=f"http://127.0.0.1:{port}")
    route = a_model("iris")
    cluster = a_cluster(route, "1.0", port)
    eventually(lambda: warm(envoy, cluster), "its cluster is warm")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, envoy), "revision 1 is applied")
    return route, cluster


def close_after(seconds: float | None) -> None:
    update_host(actor=ADMINISTRATOR, name="host-1", idle_timeout_seconds=seconds)


def test_a_connection_of_a_live_cluster_is_closed_after_the_time_that_is_set_now(
    envoy: EnvoyNode, closing: ClosingHost
) -> None:
    served_from(closing.port, envoy)
    close_after(0.2)

    def closed_first() -> str:
        known = len(closing.closed_by)  # before the call: its connection may be closed at once
        assert ask(envoy.port, "POST", "/v2/models/iris/infer").status == 200
        eventually(lambda: len(closing.closed_by) > known, "it is closed")
        return closing.closed_by[-1]

    eventually(lambda: closed_first() == "client", "the node has heard of it")


def test_a_change_while_calls_run_loses_none(envoy: EnvoyNode, upstream: int) -> None:
    served_from(upstream, envoy)

    async def called(over: asyncio.Event) -> list[int]:
        answers = []
        while not over.is_set():
            answers.append((await request(envoy.port, "POST", "/v2/models/iris/infer")).status)
        return answers

    async def changed() -> list[int]:
        over = asyncio.Event()
        clients = [asyncio.create_task(called(over)) for _ in range(4)]
        for number in range(20):
            await in_thread(partial(close_after, 1.0 + number))
            await asyncio.sleep(0.1)
        over.set()
        return [status for answers in await asyncio.gather(*clients) for status in answers]

    answers = asyncio.run(changed())
    assert len(answers) > 20
    assert set(answers) == {200}


def test_a_request_in_flight_counts_on_after_a_change_and_holds_back_the_proof(
    envoy: EnvoyNode, upstream: int, sockets: Path
) -> None:
    route, old = served_from(upstream, envoy)
    new = a_cluster(route, "1.1", upstream)
    eventually(lambda: warm(envoy, new), "the new cluster is warm")

    def change_and_flip() -> DrainWatch | None:
        eventually(lambda: in_flight(route, "1.0", envoy) == 1, "the request is seen executing")
        close_after(7.0)
        return commit_route(route, {"1.1": 100}, drain=old)

    async def while_it_runs() -> DrainWatch | None:
        slow = asyncio.create_task(
            request(envoy.port, "POST", "/v2/models/iris/infer", headers={"x-work-ms": "4000"})
        )
        watch = await in_thread(change_and_flip)
        assert (await slow).status == 200
        return watch

    watch = asyncio.run(while_it_runs())
    eventually(lambda: DrainProof.objects.filter(watch=watch).exists(), "proven, once it ended")
    log = (sockets / "upstream.log").read_text().split()
    ended_ns = int(log[log.index(str(old.pk)) + 2])
    assert DrainProof.objects.get(watch=watch).proven_at.timestamp() * 1e9 > ended_ns
