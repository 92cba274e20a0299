"""Open Inference Protocol v2: infer.

A plain ASGI endpoint, reached before the routing of everything else: for small
models the HTTP work costs more than the inference.
"""

import asyncio
import logging
import re
import time

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.errors import ClientGone, HostError
from swaps.bundled_host.onnx_model import OnnxModel
from swaps.bundled_host.repository import Ref
from swaps.bundled_host.tensors import answer, parse_request
from swaps.bundled_host.versions import Version, Versions

log = logging.getLogger(__name__)

INFER_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


class InferEndpoint:
    def __init__(self, configuration: Configuration, versions: Versions) -> None:
        self._configuration = configuration
        self._versions = versions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            response = await self._respond(scope, receive)
        except HostError as error:
            response = error.response()
        except ClientGone:
            return
        except Exception:  # a bug of ours, in the protocol's form; the log has the rest
            log.exception(
                "inference failed unexpectedly", extra={"fields": {"path": scope["path"]}}
            )
            response = HostError(500, "internal", "the host failed; its log says why").response()
        await response(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive) -> Response:
        match = INFER_PATH.fullmatch(scope["path"])
        if match is None:
            raise HostError(404, "not-found", "no such path")
        model, version_name = match.groups()
        version = (
            self._versions.only_ready_of(model)
            if version_name is None
            else self._versions.ready(Ref(model, version_name))
        )
        # Counted from here, before the body is read: whoever was let in is answered by
        # this version, even when an unload is asked for while the body still arrives.
        with self._versions.executing(version):
            body = await self._read(scope, receive)
            return await self._infer(version, body)

    async def _read(self, scope: Scope, receive: Receive) -> bytearray:
        limit = self._configuration.max_body_bytes
        too_large = HostError(413, "too-large", f"the body is larger than {limit} bytes")
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > limit:
                raise too_large
        body = bytearray()
        try:
            async with asyncio.timeout(self._configuration.body_timeout_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise too_large
                    if not message.get("more_body", False):
                        return body
        except TimeoutError:
            raise HostError(
                408,
                "body-timeout",
                f"the body did not arrive within {self._configuration.body_timeout_seconds:g} s",
            ) from None

    async def _infer(self, version: Version, body: bytearray) -> Response:
        model = version.model
        if model is None:  # impossible while counted; an assert would vanish under -O
            raise RuntimeError(f"{version.ref} was freed with requests in flight")
        content, started_ns, ended_ns = await asyncio.get_running_loop().run_in_executor(
            model.threads, _execute, version.ref, model, body
        )
        witness = version.witness
        witness.last_request_started_ns = max(witness.last_request_started_ns or 0, started_ns)
        witness.last_request_ended_ns = max(witness.last_request_ended_ns or 0, ended_ns)
        return Response(
            content,
            media_type="application/json",
            headers={
                "x-served-version": version.ref.version,
                "x-served-at-ns": str(started_ns),
            },
        )


def _execute(ref: Ref, model: OnnxModel, body: bytearray) -> tuple[bytes, int, int]:
    """The answer, and when the inference began and ended by the wall clock, in ns."""
    request = parse_request(body, model.inputs, model.outputs)
    started_ns = time.time_ns()
    content = answer(ref.model, ref.version, request, model.run(request))
    return content, started_ns, time.time_ns()
