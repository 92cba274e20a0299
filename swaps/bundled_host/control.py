"""The extension `hotswap_version_control`: load, unload and index, by version.

    POST /v2/repository/models/M/versions/V/load     202 at once; the load goes on
    POST /v2/repository/models/M/versions/V/unload   202 while requests still execute,
                                                     else 200; never cuts a request
    GET  /v2/repository/models/M/versions/V          one version
    GET  /v2/repository/index                        every version

All need the bearer token. Load and unload may carry `Hotswap-Fence: N`, a number
that grows with every intent for that version; a smaller one than the highest seen
is refused (409 `stale-fence`), so a caller that slept through its turn changes
nothing. Load may carry `Hotswap-Expected-Digest: sha256:…`. Both are idempotent.
"""

import hashlib
import hmac
from dataclasses import asdict
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from swaps.bundled_host.digests import Digests
from swaps.bundled_host.errors import HostError
from swaps.bundled_host.repository import Artifact, Ref
from swaps.bundled_host.versions import State, Version, Versions, Witness


class Control:
    def __init__(self, token: str, boot_id: str, versions: Versions, digests: Digests) -> None:
        self._token = _fingerprint(token)
        self._boot_id = boot_id
        self._versions = versions
        self._digests = digests

    def routes(self) -> list[Route]:
        one = "/v2/repository/models/{model}/versions/{version}"
        return [
            Route("/v2/repository/index", self.index),
            Route(one, self.status),
            Route(one + "/load", self.load, methods=["POST"]),
            Route(one + "/unload", self.unload, methods=["POST"]),
        ]

    async def index(self, request: Request) -> JSONResponse:
        self._authorise(request)
        await self._digests.look_at(a for _, _, a in self._versions.scan() if a)
        models = [self._describe(*found) for found in self._versions.scan()]
        return JSONResponse({"boot_id": self._boot_id, "models": models})

    async def status(self, request: Request) -> JSONResponse:
        self._authorise(request)
        ref = _ref(request)
        if not any(self._versions.find(ref)):
            raise HostError(404, "version-not-found", f"there is no {ref} on this host")
        return await self._answer(ref)

    async def load(self, request: Request) -> JSONResponse:
        self._authorise(request)
        ref = _ref(request)
        self._versions.request_load(
            ref,
            fence=_fence(request),
            expected_digest=request.headers.get("hotswap-expected-digest"),
        )
        return await self._answer(ref, status_code=202)

    async def unload(self, request: Request) -> JSONResponse:
        self._authorise(request)
        ref = _ref(request)
        waits = self._versions.request_unload(ref, fence=_fence(request))
        return await self._answer(ref, status_code=202 if waits else 200)

    async def _answer(self, ref: Ref, status_code: int = 200) -> JSONResponse:
        version, artifact = self._versions.find(ref)
        if artifact:
            await self._digests.look_at([artifact])
        body = self._describe(ref, version, artifact) | {"boot_id": self._boot_id}
        return JSONResponse(body, status_code=status_code)

    def _describe(
        self, ref: Ref, version: Version | None, artifact: Artifact | None
    ) -> dict[str, Any]:
        digest = self._digests.known(artifact) if artifact else None
        size_bytes = artifact.size_bytes if artifact else None
        if version and version.model:  # what serves, whatever lies on disk by now
            digest, size_bytes = version.model.digest, version.size_bytes
        state = version.state if version else State.AVAILABLE
        if state is State.AVAILABLE and artifact is None:
            state = State.ABSENT
        return {
            "name": ref.model,
            "version": ref.version,
            "state": state,
            "reason": version.reason if version else "",
            "digest": digest,
            "size_bytes": size_bytes,
            "in_flight": version.in_flight if version else 0,
            "fence": self._versions.fence(ref),
            "load_seconds": version.load_seconds if version else None,
            **asdict(version.witness if version else Witness()),
        }

    def _authorise(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        # Equal lengths in, constant time out: neither tells an attacker how close he is.
        right = hmac.compare_digest(_fingerprint(token), self._token)
        if scheme.lower() != "bearer" or not right:
            raise HostError(401, "unauthorised", "control calls need this host's bearer token")


def _fingerprint(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


def _ref(request: Request) -> Ref:
    return Ref(request.path_params["model"], request.path_params["version"])


def _fence(request: Request) -> int | None:
    value = request.headers.get("hotswap-fence")
    if value is None:
        return None
    if not (value.isascii() and value.isdigit()) or len(value) > 18:
        raise HostError(400, "invalid-request", "Hotswap-Fence must be a non-negative integer")
    return int(value)
