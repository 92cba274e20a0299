"""What the router does not let in is refused with a sentence that names the limit."""

import asyncio
from collections.abc import Callable

import pytest

from swaps.models import Route
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
    in_thread,
    request,
    warm,
)

INFER = "/v2/models/iris/infer"


def serving(envoy: EnvoyNode, upstream: int) -> Route:
    route = a_model("iris")
    cluster = a_cluster(route, "1.0", upstream)
    eventually(lambda: warm(envoy, cluster), "its host is healthy")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, envoy), "revision 1 is applied")
    return route


def refused(answer: Answer, status: int, *words: str) -> None:
    assert answer.status == status, answer
    assert set(answer.json) == {"error"}
    for word in words:
        assert word in answer.json["error"]


@pytest.fixture
def route(envoy: EnvoyNode, upstream: int) -> Route:
    return serving(envoy, upstream)


def test_a_body_that_could_not_be_sent_again_is_refused(route: Route, envoy: EnvoyNode) -> None:
    assert ask(envoy.port, "POST", INFER, body=b"x" * (16 * MIB)).status == 200
    too_large = ask(envoy.port, "POST", INFER, body=b"x" * (16 * MIB + 1))
    refused(too_large, 413, "larger than 16 MiB", "HOTSWAP_ROUTER_BODY_MIB")


def test_memory_is_bounded_and_what_was_let_in_is_answered(
    new_envoy: Callable[..., EnvoyNode], upstream: int
) -> None:
    """Bodies of 160 MiB at a slow host, where 80 % of 128 MiB is the most."""
    envoy = new_envoy(memory_mib=128)
    serving(envoy, upstream)

    async def slow_and_large() -> tuple[Answer, list[Answer]]:
        slow = {"x-work-ms": "4000"}
        large = [
            asyncio.create_task(
                request(envoy.port, "POST", INFER, body=b"x" * (16 * MIB), headers=slow)
            )
            for _ in range(10)
        ]

        def too_much() -> Answer | None:
            answer = ask(envoy.port, "POST", INFER)
            return answer if answer.status != 200 else None

        overloaded = await in_thread(lambda: eventually(too_much, "a request is refused"))
        return overloaded, await asyncio.gather(*large)

    overloaded, large = asyncio.run(slow_and_large())
    refused(overloaded, 503, "memory is full", "HOTSWAP_ROUTER_MEMORY_MIB")
    assert overloaded.headers["retry-after"] == "1"
    let_in = [answer for answer in large if answer.status == 200]
    assert len(let_in) > 2
    for answer in large:
        if answer not in let_in:
            refused(answer, 503, "memory is full")
    eventually(lambda: ask(envoy.port, "POST", INFER).status == 200, "it takes requests again")
