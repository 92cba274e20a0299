"""A long answer is made as fast as its reader takes it, and no faster.

Daphne takes whatever an application sends, and keeps what the client did not read yet in
memory: an export of the audit log to somebody on a slow line would end up there whole. So
sending waits while the connection's buffer is full.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

from daphne.http_protocol import WebRequest

log = logging.getLogger(__name__)

type Message = MutableMapping[str, Any]
type Application = Callable[[Any, Any, Any], Awaitable[Any]]

# Of a reader who takes not one byte for so long nothing more is to be expected.
STALLED_SECONDS = 120.0


class AtTheReadersPace:
    """ASGI middleware around HTTP. Under another server than Daphne it changes nothing."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        request = _request_behind(send)
        if request is None:
            await self._application(scope, receive, send)
            return
        answer = _Response(request, send)
        try:
            await self._application(scope, receive, answer.send)
        except Exception:
            if not answer.flowing:
                raise
            # Ended in the ordinary way it would look complete. And Daphne would begin a second
            # answer in the middle of this one, which it then stumbles over.
            log.exception("the answer to %s broke off", scope["path"])
            answer.break_off()


class _Response:
    """One answer on its way. Twisted calls the three methods that it names in its own style."""

    def __init__(self, request: WebRequest, send: Callable[[Message], Awaitable[None]]) -> None:
        self._request, self._send = request, send
        self._room = asyncio.Event()
        self._room.set()
        self.flowing = False

    async def send(self, message: Message) -> None:
        if message["type"] != "http.response.body":
            await self._send(message)
            return
        more = message.get("more_body", False)
        if more and not self.flowing and self._request.channel is not None:
            self.flowing = True
            self._request.registerProducer(self, True)
        elif not more and self.flowing and self._request.channel is not None:
            self._request.unregisterProducer()
        await self._send(message)
        if more:
            async with asyncio.timeout(STALLED_SECONDS):
                await self._room.wait()

    def break_off(self) -> None:
        if self._request.channel is not None:
            self._request.channel.transport.abortConnection()

    def pauseProducing(self) -> None:
        self._room.clear()

    def resumeProducing(self) -> None:
        self._room.set()

    def stopProducing(self) -> None:
        self._room.set()  # nobody reads any more: Django hears of it and ends the answer


def _request_behind(send: Any) -> WebRequest | None:
    """Daphne's `send` is a function of its own with the request filled in."""
    if isinstance(send, partial) and send.args and isinstance(send.args[0], WebRequest):
        return send.args[0]
    return None
