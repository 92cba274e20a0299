"""The methods of ModelHotSwapper for callers in an event loop, with Django's `a` prefix."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.db import connections

from swaps.commands.errors import DrainTimeout, SwapNotFound
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.domain.states import SwapState
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import a_serving_model, carry_on

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
LONG = timedelta(seconds=60)


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


@pytest.fixture(autouse=True)
async def _give_back_the_connection_of_the_event_loop(
    transactional_db: None,
) -> AsyncIterator[None]:
    yield
    await sync_to_async(connections.close_all)()


async def test_a_swap_from_an_event_loop(iris: str, swapper: ModelHotSwapper) -> None:
    swap = await swapper.aswap_version(iris, "1.0", "1.1")
    assert (await swapper.aget_swap_status(swap.pk)).state == S.NOT_STARTED
    await sync_to_async(carry_on)(swap, until=S.COMPLETED)
    assert (await swapper.aget_swap_status(swap.pk)).state == S.COMPLETED
    assert await swapper.ais_version_active(iris, "1.1")
    assert not await swapper.ais_version_active(iris, "1.0")
    back = await swapper.arollback(swap.pk)
    assert back.reverses_id == swap.pk


async def test_errors_are_the_same(iris: str, node: Node, swapper: ModelHotSwapper) -> None:
    with pytest.raises(SwapNotFound):
        await swapper.aget_swap_status(uuid.uuid4())
    await sync_to_async(node.now)(proves=False)
    with pytest.raises(DrainTimeout, match="edge-1"):
        await swapper.await_for_drainage(iris, "1.0", timedelta(seconds=0.1))


async def test_waiting_for_a_drain_holds_up_nobody_else(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    await sync_to_async(node.now)(proves=False)
    waiting = asyncio.create_task(swapper.await_for_drainage(iris, "1.0", LONG))
    assert await swapper.ais_version_active(iris, "1.0")
    assert await swapper.ais_version_active(iris, "1.0")
    assert not waiting.done()
    await sync_to_async(node.now)(proves=True)
    await waiting
