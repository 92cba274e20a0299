"""Waiting until a version is idle: answered by proofs, ended by time, never by not knowing."""

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import AsyncClient

from swaps.access.roles import Role
from swaps.models import Cluster, DrainProof, DrainWatch, NodeIncarnation
from tests.integration.api.caller import Caller
from tests.integration.readings.rows import a_cluster, a_host, a_model, a_node, placed

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("closed_connections"),
]

PATIENCE_SECONDS = 60


class Waiter:
    def __init__(self, token: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}"}

    async def __call__(
        self, version: str, timeout_seconds: object, model: str = "iris"
    ) -> tuple[int, dict[str, Any]]:
        response = await AsyncClient().get(
            f"/api/v1/models/{model}/versions/{version}/drainage?timeout_seconds={timeout_seconds}",
            headers=self._headers,
        )
        return response.status_code, json.loads(response.content)


def _loaded() -> tuple[Waiter, Cluster, list[NodeIncarnation]]:
    model = a_model(weights={"1.0": 100})
    placed(model, "1.0", a_host())
    caller = Caller(Role.VIEWER)
    nodes = [a_node("edge-1"), a_node("edge-2", state="away")]
    return Waiter(caller.token), a_cluster(model, "1.0"), nodes


async def _the_watch() -> DrainWatch:
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            watch = await DrainWatch.objects.filter(closed_at=None).afirst()
            if watch is not None:
                return watch
            await asyncio.sleep(0.01)


async def test_drained_when_every_node_has_answered() -> None:
    wait, cluster, nodes = await sync_to_async(_loaded)()
    asked = asyncio.create_task(wait("1.0", PATIENCE_SECONDS))
    watch = await _the_watch()
    assert (watch.cluster_id, watch.route_revision) == (cluster.pk, None)
    for node in nodes:
        assert not asked.done()
        await DrainProof.objects.acreate(
            watch=watch, incarnation=node, stream=node.stream, flushes=3
        )
    assert await asked == (200, {"drained": True})
    assert not await DrainWatch.objects.filter(closed_at=None).aexists()


async def test_time_over_names_the_nodes_that_have_not_answered() -> None:
    wait, _, nodes = await sync_to_async(_loaded)()
    asked = asyncio.create_task(wait("1.0", 1))
    watch = await _the_watch()
    await DrainProof.objects.acreate(
        watch=watch, incarnation=nodes[0], stream=nodes[0].stream, flushes=3
    )
    status, problem = await asked
    assert (status, problem["code"]) == (504, "drain-timeout")
    assert problem["unanswered"] == ["edge-2"]
    assert "edge-2" in problem["detail"]
    assert not await DrainWatch.objects.filter(closed_at=None).aexists()


async def test_without_a_node_nothing_is_drained() -> None:
    wait, _, _ = await sync_to_async(_loaded)()
    await NodeIncarnation.objects.all().aupdate(state="reaped")
    status, problem = await wait("1.0", 0)
    assert (status, problem["code"]) == (504, "drain-timeout")
    assert problem["unanswered"] == ["no router node is connected"]


async def test_a_version_that_is_unloaded_while_we_ask_is_drained() -> None:
    wait, cluster, _ = await sync_to_async(_loaded)()
    asked = asyncio.create_task(wait("1.0", PATIENCE_SECONDS))
    await _the_watch()
    await cluster.model.placements.aupdate(observed="unloading", desired="absent")
    await asyncio.sleep(0)
    assert not asked.done()
    await cluster.model.placements.aupdate(observed="available")
    assert await asked == (200, {"drained": True})
    # And afterwards nothing is left to ask.
    assert await wait("1.0", 0) == (200, {"drained": True})


@pytest.mark.parametrize("timeout", ["-1", "601", "nan", "soon"])
async def test_the_time_is_bounded(timeout: str) -> None:
    wait, _, _ = await sync_to_async(_loaded)()
    status, problem = await wait("1.0", timeout)
    assert (status, problem["code"]) == (422, "invalid-request")


@pytest.mark.parametrize("version", ["9.9", "%00"])
async def test_an_absent_version_is_404(version: str) -> None:
    wait, _, _ = await sync_to_async(_loaded)()
    status, problem = await wait(version, 1)
    assert (status, problem["code"]) == (404, "version-not-found")


@pytest.mark.parametrize("model", ["nothing", "%00"])
async def test_an_absent_model_is_404(model: str) -> None:
    wait, _, _ = await sync_to_async(_loaded)()
    status, problem = await wait("1.0", 1, model)
    assert (status, problem["code"]) == (404, "model-not-found")


async def test_without_a_token_nothing_is_asked() -> None:
    await sync_to_async(_loaded)()
    assert (await Waiter("hs_wrong")("1.0", 1))[0] == 401
    assert not await DrainWatch.objects.aexists()
