"""Nudges over the real channel layer: they arrive, from any thread, or harm nobody."""

import asyncio
import multiprocessing
import threading
import uuid
from multiprocessing.synchronize import Event

from channels.layers import channel_layers, get_channel_layer
from pytest_django import Settings

from swaps.live.broadcast import FLEET_GROUP, model_group, swap_changed, swap_group

PATIENCE_SECONDS = 60.0


async def test_a_nudge_reaches_the_swap_its_model_and_the_fleet_from_any_thread() -> None:
    swap_id, layer = uuid.uuid4(), get_channel_layer()
    channels = []
    for group in (swap_group(swap_id), model_group("iris"), FLEET_GROUP):
        channels.append(await layer.new_channel())
        await layer.group_add(group, channels[-1])

    def tell() -> None:
        swap_changed(swap_id=swap_id, model_name="iris", generation=7)

    threading.Thread(target=tell).start()
    for channel in channels:
        async with asyncio.timeout(PATIENCE_SECONDS):
            nudge = await layer.receive(channel)
        assert nudge == {
            "type": "nudge",
            "swap": str(swap_id),
            "model": "iris",
            "generation": 7,
        }
    await layer.flush()


async def test_a_forked_process_tells_too() -> None:
    """Celery's prefork pool: the child has no thread of the parent's."""
    swap_id, layer = uuid.uuid4(), get_channel_layer()
    swap_changed(swap_id=uuid.uuid4(), model_name="iris", generation=1)  # the parent has a sender
    channel = await layer.new_channel()
    await layer.group_add(swap_group(swap_id), channel)
    fork = multiprocessing.get_context("fork")
    arrived = fork.Event()
    child = fork.Process(target=_tell_from_child, args=[swap_id, arrived])
    child.start()
    async with asyncio.timeout(PATIENCE_SECONDS):
        nudge = await layer.receive(channel)
    assert nudge["generation"] == 3
    arrived.set()
    await asyncio.to_thread(child.join, PATIENCE_SECONDS)
    await layer.flush()


def _tell_from_child(swap_id: uuid.UUID, arrived: Event) -> None:
    swap_changed(swap_id=swap_id, model_name="iris", generation=3)
    # A worker lives on, and so does this one: its sender is a daemon thread.
    arrived.wait(PATIENCE_SECONDS)


def test_without_valkey_nobody_waits_and_nothing_is_raised(settings: Settings) -> None:
    layers = settings.CHANNEL_LAYERS
    dead = {"address": "unix:///nowhere/valkey.sock", "socket_timeout": None}
    config = layers["default"]["CONFIG"] | {"hosts": [dead]}
    settings.CHANNEL_LAYERS = {"default": {**layers["default"], "CONFIG": config}}
    channel_layers.backends.clear()
    try:
        for generation in range(1_000):  # more than may be underway
            swap_changed(swap_id=uuid.uuid4(), model_name="iris", generation=generation)
    finally:
        settings.CHANNEL_LAYERS = layers
        channel_layers.backends.clear()
