"""A split by callers: one caller, one version; and not the same callers first in every swap."""

import asyncio
from collections.abc import Iterable

import pytest

from swaps.models import Cluster, Route
from tests.integration.router.parts import (
    EnvoyNode,
    a_cluster,
    a_model,
    applied,
    commit_route,
    eventually,
    request,
    warm,
)

NAMED = [f"user-{n}" for n in range(100)]


@pytest.fixture
def route(envoy: EnvoyNode, upstream: int) -> Route:
    """`iris` with 1.0 and 1.1 warm, no weight yet."""
    made = a_model("iris")
    clusters: list[Cluster] = [a_cluster(made, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(envoy, *clusters), "both clusters are warm")
    return made


def split(route: Route, envoy: EnvoyNode, new: int, salt: str) -> None:
    Route.objects.filter(pk=route.pk).update(sticky_header="x-user", split_salt=salt)
    commit_route(route, {"1.0": 100 - new, "1.1": new})
    eventually(lambda: applied(route, envoy), f"revision {route.revision} is applied")


def on_new(envoy: EnvoyNode, callers: Iterable[str | None]) -> list[str | None]:
    """Those that the new version answers; None is a caller without the header."""

    async def asked() -> list[str | None]:
        found = []
        for caller in callers:
            headers = {} if caller is None else {"x-user": caller}
            answer = await request(envoy.port, "POST", "/v2/models/iris/infer", headers=headers)
            if answer.headers["x-model-version"] == "1.1":
                found.append(caller)
        return found

    return asyncio.run(asked())


def test_the_new_versions_callers_stay_with_it_as_the_weight_grows(
    route: Route, envoy: EnvoyNode
) -> None:
    split(route, envoy, 20, "one")
    first = set(on_new(envoy, NAMED))
    assert 0 < len(first) < 50
    split(route, envoy, 60, "one")
    assert first < set(on_new(envoy, NAMED))


def test_another_swap_begins_with_other_callers(route: Route, envoy: EnvoyNode) -> None:
    firsts = []
    for salt in ("one", "two", "three"):
        split(route, envoy, 20, salt)
        firsts.append(set(on_new(envoy, NAMED)))
    assert all(firsts)
    assert len(firsts[0] & firsts[1] & firsts[2]) < min(map(len, firsts)) / 2


@pytest.mark.parametrize("nobody", ["", None])
def test_a_caller_without_a_name_is_nobody_and_is_left_to_chance(
    nobody: str | None, route: Route, envoy: EnvoyNode
) -> None:
    split(route, envoy, 50, "one")
    found = on_new(envoy, [nobody] * 60)
    assert 0 < len(found) < 60, "were it a user, all would get one version"
