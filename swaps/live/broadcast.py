"""Tell open pages and streams that something changed. A nudge, never the truth: they reread.

A nudge that is lost costs little: whoever shows a swap also looks at it now and then.
"""

import asyncio
import logging
import os
import threading
import uuid
from collections.abc import Mapping
from typing import Any, TypedDict

import redis
from channels.layers import get_channel_layer

log = logging.getLogger(__name__)

SEND_SECONDS = 2.0
# With Valkey away nudges pile up only so far: newer ones are dropped, they say the same.
MOST_UNDERWAY = 500

FLEET_GROUP = "fleet"
TOKENS_GROUP = "tokens"


class Nudge(TypedDict):
    type: str
    swap: str
    model: str
    generation: int


def swap_group(swap_id: uuid.UUID | str) -> str:
    return f"swap.{swap_id}"


def model_group(model_name: str) -> str:
    return f"model.{model_name}"


def token_revoked(token_id: int) -> None:
    """What it opened is to end. To be called after the commit. Never blocks, never raises."""
    _sender_of_this_process().send((TOKENS_GROUP,), {"type": "nudge", "token": token_id})


def swap_changed(*, swap_id: uuid.UUID, model_name: str, generation: int) -> None:
    """To be called after the commit, from any thread. Never blocks, never raises.

    Sends to the groups of the swap, of its model and of the fleet.
    """
    nudge = Nudge(type="nudge", swap=str(swap_id), model=model_name, generation=generation)
    _sender_of_this_process().send(
        (swap_group(swap_id), model_group(model_name), FLEET_GROUP), {**nudge}
    )


class _Sender:
    """One thread with one long-lived loop: the channel layer keeps a connection per loop.

    A loop per call (`async_to_sync`) would open a connection each time, 30 times the cost.
    """

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._room = threading.BoundedSemaphore(MOST_UNDERWAY)
        threading.Thread(target=self._loop.run_forever, name="broadcast", daemon=True).start()

    def send(self, groups: tuple[str, ...], nudge: Mapping[str, Any]) -> None:
        if not self._room.acquire(blocking=False):
            log.debug("nudge of %s dropped: too many underway", groups[0])
            return
        asyncio.run_coroutine_threadsafe(self._send(groups, nudge), self._loop)

    async def _send(self, groups: tuple[str, ...], nudge: Mapping[str, Any]) -> None:
        layer = get_channel_layer()
        try:
            async with asyncio.timeout(SEND_SECONDS):
                for group in groups:
                    await layer.group_send(group, dict(nudge))
        except (redis.RedisError, OSError, TimeoutError) as error:
            log.debug("nudge of %s not sent: %s", groups[0], error)
        finally:
            self._room.release()


_sender: _Sender | None = None
_sender_lock = threading.Lock()


def _sender_of_this_process() -> _Sender:
    global _sender
    with _sender_lock:
        if _sender is None:
            _sender = _Sender()
        return _sender


def _forget_sender() -> None:
    """A forked child (Celery's prefork pool) has the sender but not its thread."""
    global _sender, _sender_lock
    _sender, _sender_lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget_sender)
