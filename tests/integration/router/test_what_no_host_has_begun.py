"""What no host can have begun goes to another one, whatever its size."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from swaps.models import Cluster, Route
from swaps.router.resources.route_tables import MIB
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
    request,
)
from tests.integration.router.unreachable_host import UnreachableHost

# Of two hosts the one that is gone is chosen for about every second request.
REQUESTS = 8


@pytest.fixture
def lost() -> Iterator[UnreachableHost]:
    with UnreachableHost() as host:
        yield host


def on_two_hosts(envoy: EnvoyNode, *ports: int, sign: str = "") -> Route:
    """`iris` on both, healthy by their checks."""
    made = a_model("iris")
    cluster = a_cluster(
        made,
        "1.0",
        ports[0],
        endpoints=[
            {"host": f"host-{port}", "address": "127.0.0.1", "port": port, "not_begun": sign}
            for port in ports
        ],
    )
    eventually(lambda: members(envoy, cluster) == (2, 2), "both hosts are healthy")
    commit_route(made, {"1.0": 100})
    eventually(lambda: applied(made, envoy), "revision 1 is applied")
    return made


async def one_after_the_other(port: int, bodies: list[bytes]) -> list[Answer]:
    return [await request(port, "POST", "/v2/models/iris/infer", body=body) for body in bodies]


@pytest.mark.parametrize("vanish", [UnreachableHost.refuse, UnreachableHost.swallow])
def test_a_host_that_cannot_be_reached_costs_no_request_however_large(
    vanish: Callable[[UnreachableHost], None],
    envoy: EnvoyNode,
    upstream: int,
    lost: UnreachableHost,
) -> None:
    route = on_two_hosts(envoy, upstream, lost.port)
    vanish(lost)
    bodies = [b"x" * (mebibytes * MIB) for mebibytes in (0, 5, 16) for _ in range(REQUESTS)]
    answers = asyncio.run(one_after_the_other(envoy.port, bodies))
    assert [(answer.status, answer.body.split()[1]) for answer in answers] == [
        (200, b"%d" % len(body)) for body in bodies
    ]
    cluster = Cluster.objects.get(model=route.model)
    assert members(envoy, cluster) == (2, 2), "the lost host was a member all the while"


def refusals(sockets: Path, cluster: Cluster) -> int:
    log = (sockets / "second_upstream.log").read_text()
    return log.split().count(f"lost-{cluster.pk}")


def test_what_a_host_says_it_has_not_begun_goes_to_another(
    envoy: EnvoyNode, upstream: int, second_upstream: int, sockets: Path
) -> None:
    """Also while the body is still being sent: the host that came back empty does not read it."""
    route = on_two_hosts(envoy, upstream, second_upstream, sign="x-refused")
    cluster = Cluster.objects.get(model=route.model)
    ask(second_upstream, "GET", f"/lose/{cluster.pk}")
    for mebibytes in (0, 5):
        before = refusals(sockets, cluster)
        bodies = [b"x" * (mebibytes * MIB)] * REQUESTS
        answers = asyncio.run(one_after_the_other(envoy.port, bodies))
        assert [answer.status for answer in answers] == [200] * REQUESTS
        assert {answer.body.split()[1] for answer in answers} == {b"%d" % len(bodies[0])}
        assert refusals(sockets, cluster) > before, "it was asked, and refused"


def test_a_kind_of_host_without_such_a_sign_is_believed_in_all_it_says(
    envoy: EnvoyNode, upstream: int, second_upstream: int, sockets: Path
) -> None:
    route = on_two_hosts(envoy, upstream, second_upstream)
    cluster = Cluster.objects.get(model=route.model)
    ask(second_upstream, "GET", f"/lose/{cluster.pk}")
    answers = asyncio.run(one_after_the_other(envoy.port, [b"{}"] * 4 * REQUESTS))
    failed = [answer for answer in answers if answer.status != 200]
    assert {answer.status for answer in failed} == {503}
    assert len(failed) == refusals(sockets, cluster)
