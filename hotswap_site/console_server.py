"""Daphne, with a door in front: what a stranger sends is bounded before anything looks at it.

Daphne takes a request's whole body, to disk and then to memory, before the application hears of
the request: without these limits anybody who reaches the port fills both, without a token. So a
body that says how long it is, and is too long, is refused before its first byte, one that doesn't
at the byte that is too many, and all bodies together have a limit too.
"""

import json
from http import HTTPStatus
from typing import Any

from daphne.cli import CommandLineInterface
from daphne.http_protocol import HTTPFactory, WebRequest
from daphne.server import Server
from django.conf import settings

# After a refusal: who is still sending is read for so long, and reads the answer meanwhile.
# Closed at once, with bytes of theirs unread, the connection is reset and the answer is lost.
LINGER_SECONDS = 5.0
RETRY_AFTER_SECONDS = 5
# By which Daphne would let a client say where the application stands: a path that a proxy lets
# pass would then be another one here.
ROOT_PATH = b"daphne-root-path"


class BoundedRequest(WebRequest):  # type: ignore[misc] # daphne has no types
    """Twisted calls `gotLength` when the headers are there, and then `handleContentChunk`."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self._taken = 0
        self._refused = False
        super().__init__(*arguments, **named)

    def gotLength(self, length: int | None) -> None:
        super().gotLength(length)
        if length is not None and length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self._refuse_size()

    def handleContentChunk(self, data: bytes) -> None:
        if self._refused:
            return
        self._taken += len(data)
        self._factory.body_bytes += len(data)
        if self._taken > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            self._refuse_size()
        elif self._factory.body_bytes > settings.CONSOLE_BODIES_BYTES:
            self._refuse(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "unavailable",
                "too much is being sent to this console at once: try again in "
                f"{RETRY_AFTER_SECONDS} s",
                f"Retry-After: {RETRY_AFTER_SECONDS}\r\n",
            )
        else:
            super().handleContentChunk(data)

    def process(self) -> Any:
        if self._refused:
            return None
        self.requestHeaders.removeHeader(ROOT_PATH)
        return super().process()

    def finish(self) -> None:
        self._give_back()
        super().finish()

    def connectionLost(self, reason: Any) -> None:
        self._give_back()
        super().connectionLost(reason)

    @property
    def _factory(self) -> "BoundedFactory":
        factory: BoundedFactory = self.server.http_factory
        return factory

    def _give_back(self) -> None:
        self._factory.body_bytes -= self._taken
        self._taken = 0

    def _refuse_size(self) -> None:
        self._refuse(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
            "request-too-large",
            f"a request to this console has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes "
            "(HOTSWAP_CONSOLE_BODY_BYTES)",
        )

    def _refuse(self, status: HTTPStatus, code: str, detail: str, more: str = "") -> None:
        """Answer now, without the application; take nothing more of this connection."""
        self._refused = True
        self._give_back()
        # Or Twisted would now ask for the body.
        self.requestHeaders.removeHeader(b"expect")
        body = json.dumps(
            {
                "type": f"urn:hotswap:problem:{code}",
                "code": code,
                "title": code.replace("-", " ").capitalize(),
                "status": int(status),
                "detail": detail,
            }
        ).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n"
            "Content-Type: application/problem+json\r\n"
            f"Content-Length: {len(body)}\r\n"
            f"{more}Connection: close\r\n\r\n"
        )
        transport = self.channel.transport
        transport.write(head.encode() + body)
        transport.loseWriteConnection()
        self.channel.callLater(LINGER_SECONDS, transport.abortConnection)


class BoundedFactory(HTTPFactory):  # type: ignore[misc]
    """`body_bytes`: of all bodies that were taken and whose requests are not over."""

    body_bytes = 0

    def buildProtocol(self, address: Any) -> Any:
        protocol = super().buildProtocol(address)
        protocol.requestFactory = BoundedRequest
        return protocol


class BoundedServer(Server):  # type: ignore[misc]
    """Daphne's server makes its factory when it starts, and asks nobody which."""

    _bounded: BoundedFactory

    @property
    def http_factory(self) -> BoundedFactory:
        return self._bounded

    @http_factory.setter
    def http_factory(self, _: HTTPFactory) -> None:
        self._bounded = BoundedFactory(self)


class ConsoleServer(CommandLineInterface):  # type: ignore[misc]
    server_class = BoundedServer
