"""Open Inference Protocol v2: infer.

A plain ASGI endpoint, reached before the routing of everything else: for small
models the HTTP work costs more than the inference.
"""

import asyncio
import logging
import re
import time
from dataclasses import dataclass

from starlette.types import Receive, Scope, Send

from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.errors import ClientGone, HostError
from swaps.bundled_host.onnx_model import OnnxModel
from swaps.bundled_host.repository import Ref
from swaps.bundled_host.tensors import answer, parse_request
from swaps.bundled_host.versions import Version, Versions

log = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]

INFER_PATH = re.compile(r"/v2/models/([^/]+)(?:/versions/([^/]+))?/infer")


class InferEndpoint:
    def __init__(self, configuration: Configuration, versions: Versions) -> None:
        self._configuration = configuration
        self._versions = versions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers, content = await self._respond(scope, receive)
        except HostError as error:
            await error.response()(scope, receive, send)
        except ClientGone:
            return
        except Exception:  # a bug of ours, in the protocol's form; the log has the rest
            log.exception(
                "inference failed unexpectedly", extra={"fields": {"path": scope["path"]}}
            )
            failed = HostError(500, "internal", "the host failed; its log says why")
            await failed.response()(scope, receive, send)
        else:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": content})

    async def _respond(self, scope: Scope, receive: Receive) -> tuple[Headers, bytes]:
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
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > limit:
                raise _too_large(limit)
        body = bytearray()
        try:
            async with asyncio.timeout(self._configuration.body_timeout_seconds):
                while True:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise ClientGone
                    body += message.get("body", b"")
                    if len(body) > limit:
                        raise _too_large(limit)
                    if not message.get("more_body", False):
                        return body
        except TimeoutError:
            raise HostError(
                408,
                "body-timeout",
                f"the body did not arrive within {self._configuration.body_timeout_seconds:g} s",
            ) from None

    async def _infer(self, version: Version, body: bytearray) -> tuple[Headers, bytes]:
        model = version.model
        if model is None:  # impossible while counted; an assert would vanish under -O
            raise RuntimeError(f"{version.ref} was freed with requests in flight")
        if model.pace.on_loop(len(body)):
            executed = _execute_on_loop(version.ref, model, body)
        else:
            executed, processor_ns = await asyncio.get_running_loop().run_in_executor(
                model.threads, _execute_in_thread, version.ref, model, body
            )
            model.pace.ran_in_thread(processor_ns)
        witness, started_ns = version.witness, executed.started_ns
        witness.last_request_started_ns = max(witness.last_request_started_ns or 0, started_ns)
        witness.last_request_ended_ns = max(witness.last_request_ended_ns or 0, executed.ended_ns)
        return [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(executed.content)),
            (b"x-served-version", version.ref.version.encode()),
            (b"x-served-at-ns", b"%d" % started_ns),
        ], executed.content


@dataclass(slots=True)
class _Executed:
    """An answer, and when the inference began and ended by the wall clock."""

    content: bytes
    started_ns: int
    ended_ns: int


def _execute(ref: Ref, model: OnnxModel, body: bytearray) -> _Executed:
    request = parse_request(body, model.inputs, model.outputs)
    started_ns = time.time_ns()
    content = answer(ref.model, ref.version, request, model.run(request))
    return _Executed(content, started_ns, time.time_ns())


def _execute_on_loop(ref: Ref, model: OnnxModel, body: bytearray) -> _Executed:
    began_ns = time.monotonic_ns()
    try:
        return _execute(ref, model, body)
    finally:  # what fails may have held up the loop, too
        model.pace.ran_on_loop(time.monotonic_ns() - began_ns)


def _execute_in_thread(ref: Ref, model: OnnxModel, body: bytearray) -> tuple[_Executed, int]:
    """And the processor time of it, in ns: what is refused says nothing of the model's."""
    began_ns = time.thread_time_ns()
    return _execute(ref, model, body), time.thread_time_ns() - began_ns


def _too_large(limit: int) -> HostError:
    return HostError(413, "too-large", f"the body is larger than {limit} bytes")
