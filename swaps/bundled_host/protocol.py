"""Open Inference Protocol v2: health and metadata."""

from importlib.metadata import PackageNotFoundError, version
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from swaps.bundled_host.errors import HostError
from swaps.bundled_host.repository import Ref
from swaps.bundled_host.versions import Version, Versions

EXTENSION = "hotswap_version_control"
PLATFORM = "onnxruntime_onnx"


def _our_version() -> str:
    try:
        return version("hotswap")
    except PackageNotFoundError:  # run from a checkout that was never installed
        return "0"


class Protocol:
    def __init__(self, name: str, boot_id: str, versions: Versions) -> None:
        self._server = {
            "name": name,
            "version": _our_version(),
            "extensions": [EXTENSION],
            # Changes with every start: what was loaded in another boot is not loaded now.
            "boot_id": boot_id,
        }
        self._versions = versions

    def routes(self) -> list[Route]:
        one = "/v2/models/{model}/versions/{version}"
        return [
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.live),
            Route("/v2/models/{model}", self.model),
            Route("/v2/models/{model}/ready", self.model_ready),
            Route(one, self.version),
            Route(one + "/ready", self.version_ready),
        ]

    async def server(self, request: Request) -> JSONResponse:
        return JSONResponse(self._server)

    async def live(self, request: Request) -> JSONResponse:
        """Live and ready are one here: a version that loads or failed harms no other.

        (A server that is "not ready" while anything loads takes its healthy versions
        out of every router that asks.)
        """
        return JSONResponse({"live": True, "ready": True})

    async def model(self, request: Request) -> JSONResponse:
        return JSONResponse(
            self._metadata(self._versions.only_ready_of(request.path_params["model"]))
        )

    async def model_ready(self, request: Request) -> JSONResponse:
        model = request.path_params["model"]
        if not self._versions.ready_of(model):
            self._versions.only_ready_of(model)  # raises, and says whether it exists at all
        return JSONResponse({"name": model, "ready": True})

    async def version(self, request: Request) -> JSONResponse:
        return JSONResponse(self._metadata(self._versions.ready(_ref(request))))

    async def version_ready(self, request: Request) -> JSONResponse:
        ref = _ref(request)
        self._versions.ready(ref)
        return JSONResponse({"name": ref.model, "version": ref.version, "ready": True})

    def _metadata(self, version: Version) -> dict[str, Any]:
        if version.model is None:  # impossible: a ready version has a model
            raise HostError(503, "not-ready", f"{version.ref} is not ready")
        return {
            "name": version.ref.model,
            "versions": [v.ref.version for v in self._versions.ready_of(version.ref.model)],
            "platform": PLATFORM,
            "inputs": [spec.as_json() for spec in version.model.inputs],
            "outputs": [spec.as_json() for spec in version.model.outputs],
        }


def _ref(request: Request) -> Ref:
    return Ref(request.path_params["model"], request.path_params["version"])
