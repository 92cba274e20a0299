"""Which path is answered by what."""

import uuid

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.control import Control
from swaps.bundled_host.digests import Digests
from swaps.bundled_host.errors import HostError
from swaps.bundled_host.inference import InferEndpoint
from swaps.bundled_host.metrics import exposition
from swaps.bundled_host.protocol import Protocol
from swaps.bundled_host.repository import Repository
from swaps.bundled_host.versions import Versions


class Application:
    """One boot of the host, as an ASGI application. Used on one event loop."""

    def __init__(self, configuration: Configuration) -> None:
        self.boot_id = str(uuid.uuid4())
        self.digests = Digests()
        self.versions = Versions(configuration, Repository(configuration.repository), self.digests)
        self._infer = InferEndpoint(configuration, self.versions)
        protocol = Protocol(configuration.name, self.boot_id, self.versions)
        control = Control(configuration.control_token, self.boot_id, self.versions, self.digests)
        self._rest = Starlette(
            routes=[*protocol.routes(), *control.routes(), Route("/metrics", self._metrics)],
            exception_handlers={
                HostError: _in_protocol_form,
                HTTPException: _in_protocol_form,
                Exception: _in_protocol_form,
            },
        )
        self._rest.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path.startswith("/v2/models/") and path.endswith("/infer"):
                await self._infer(scope, receive, send)
                return
        await self._rest(scope, receive, send)

    async def _metrics(self, request: Request) -> Response:
        text = exposition(self.versions.known())
        return Response(text, media_type=CONTENT_TYPE_PLAIN_0_0_4)

    def close(self) -> None:
        self.versions.close()
        self.digests.close()


async def _in_protocol_form(request: Request, error: Exception) -> Response:
    if isinstance(error, HostError):
        return error.response()
    if isinstance(error, HTTPException):
        code = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "refused")
        return HostError(error.status_code, code, error.detail).response()
    return HostError(500, "internal", "the host failed; its log says why").response()
