"""The life of each version, and the exact count of the requests it is executing.

    available ── load ──► loading ──► ready ── unload ──► unloading ──► available
                             └──► failed                    (until nothing executes)

`wanted` is what the last accepted control call asked for; `_settle` moves a version
towards it whenever something ended. So a load that is called off half way ends
unloaded, and an unload that is called off while requests still run is ready again
at once.

Everything here runs on the event loop: no locks, and a count that can't be wrong.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from swaps.bundled_host.configuration import Configuration
from swaps.bundled_host.digests import Digests
from swaps.bundled_host.errors import HostError
from swaps.bundled_host.onnx_model import LoadFailed, OnnxModel, open_model
from swaps.bundled_host.repository import Artifact, Ref, Repository, name_problem

log = logging.getLogger(__name__)


class State(StrEnum):
    ABSENT = "absent"  # no file, not loaded; said in answers, never stored
    AVAILABLE = "available"
    LOADING = "loading"
    READY = "ready"
    UNLOADING = "unloading"
    FAILED = "failed"


@dataclass(slots=True)
class Witness:
    """Times by this host's wall clock, in ns since 1970; kept after an unload.

    They let an observer prove that an unload came after the last answer.
    """

    requests_total: int = 0
    errors_total: int = 0
    last_request_started_ns: int | None = None
    last_request_ended_ns: int | None = None
    loaded_at_ns: int | None = None
    unload_began_ns: int | None = None
    unloaded_at_ns: int | None = None


@dataclass(slots=True, eq=False)
class Version:
    ref: Ref
    state: State = State.AVAILABLE
    reason: str = ""
    wanted: bool = False
    expected_digest: str | None = None
    load: asyncio.Task[None] | None = None
    model: OnnxModel | None = None
    size_bytes: int | None = None
    load_seconds: float | None = None
    in_flight: int = 0
    witness: Witness = field(default_factory=Witness)


class Versions:
    def __init__(
        self, configuration: Configuration, repository: Repository, digests: Digests
    ) -> None:
        self._configuration = configuration
        self._repository = repository
        self._digests = digests
        self._versions: dict[Ref, Version] = {}
        # In memory is enough: after a restart nothing is loaded, and the loads that
        # repair this bring newer fences than any call that was under way.
        self._fences: dict[Ref, int] = {}
        self._loaders = ThreadPoolExecutor(
            max_workers=configuration.concurrent_loads, thread_name_prefix="load"
        )
        self.in_flight = 0

    # -- looking ---------------------------------------------------------------

    def known(self) -> list[Version]:
        return list(self._versions.values())

    def fence(self, ref: Ref) -> int | None:
        return self._fences.get(ref)

    def find(self, ref: Ref) -> tuple[Version | None, Artifact | None]:
        """What was asked of a version so far, and its file."""
        return self._versions.get(ref), self._repository.find(ref)

    def scan(self) -> list[tuple[Ref, Version | None, Artifact | None]]:
        """Every version that has a file, or is loaded although its file is gone."""
        files = {artifact.ref: artifact for artifact in self._repository.scan()}
        loaded = {v.ref for v in self._versions.values() if v.model or v.load}
        return [
            (ref, self._versions.get(ref), files.get(ref)) for ref in sorted(files.keys() | loaded)
        ]

    def ready_of(self, model: str) -> list[Version]:
        ready = (v for v in self._versions.values() if v.state is State.READY)
        return sorted((v for v in ready if v.ref.model == model), key=lambda v: v.ref)

    def only_ready_of(self, model: str) -> Version:
        """The version an unversioned request means: there must be exactly one.

        A host that guesses here sends requests to a version nobody routed to.
        """
        ready = self.ready_of(model)
        if len(ready) == 1:
            return ready[0]
        if ready:
            names = ", ".join(v.ref.version for v in ready)
            raise HostError(
                400, "version-needed", f"{model} has several versions ready ({names}): name one"
            )
        if not any(ref.model == model for ref, _, _ in self.scan()):
            words = f"there is no model {model!r} on this host"
            raise HostError(404, "model-not-found", words, elsewhere=True)
        raise HostError(503, "not-ready", f"no version of {model} is ready", elsewhere=True)

    def ready(self, ref: Ref) -> Version:
        """Raises HostError: 404 when there is no such version, 503 when it isn't ready."""
        version = self._versions.get(ref)
        if version is not None and version.state is State.READY:
            return version
        if version is None or version.state is State.AVAILABLE:
            if self._repository.find(ref) is None:
                raise _absent(ref)
            state = State.AVAILABLE
        else:
            state = version.state
        words = f"{ref} is not ready: it is {state}"
        raise HostError(503, "not-ready", words, elsewhere=True)

    # -- requests --------------------------------------------------------------

    @contextmanager
    def executing(self, version: Version) -> Iterator[None]:
        """Count one request; while it is counted the version is not freed."""
        if self.in_flight >= self._configuration.max_in_flight:
            raise HostError(
                429, "busy", f"this host already executes {self.in_flight} requests: try again"
            )
        self.in_flight += 1
        version.in_flight += 1
        version.witness.requests_total += 1
        try:
            yield
        except BaseException:
            version.witness.errors_total += 1
            raise
        finally:
            self.in_flight -= 1
            version.in_flight -= 1
            if version.in_flight == 0:
                self._settle(version)

    # -- control ---------------------------------------------------------------

    def request_load(self, ref: Ref, *, fence: int | None, expected_digest: str | None) -> bool:
        """Ask for a version to be ready. True when something was set in motion.

        Raises HostError: 400 for a name that can't be, 404 without a file, 409 for a
        stale fence or when another file is already loaded under this version.
        """
        self._pass_fence(ref, fence)
        version, artifact = self.find(ref)
        if artifact is None and (version is None or version.model is None):
            raise _absent(ref)
        if version is None:
            version = self._versions[ref] = Version(ref)
        if version.model and expected_digest not in (None, version.model.digest):
            raise HostError(
                409,
                "digest-mismatch",
                f"{ref} is loaded from another file: expected {expected_digest}, "
                f"loaded {version.model.digest}; unload it first",
            )
        if version.wanted and version.model:
            return False
        version.wanted, version.reason = True, ""
        version.expected_digest = expected_digest
        self._settle(version)
        return True

    def request_unload(self, ref: Ref, *, fence: int | None) -> bool:
        """Ask for a version to be gone. True when there is something to wait for.

        Requests that execute are never cut: the version is freed when the last one
        has its answer. New ones are refused from now on.
        """
        self._pass_fence(ref, fence)
        version, artifact = self.find(ref)
        if version is None:
            if artifact is None:
                raise _absent(ref)
            return False
        if version.wanted:
            version.witness.unload_began_ns = time.time_ns()
        version.wanted, version.reason = False, ""
        self._settle(version)
        return version.state is State.UNLOADING

    def _pass_fence(self, ref: Ref, fence: int | None) -> None:
        if problem := name_problem(ref):
            raise HostError(400, "invalid-name", problem)
        if fence is None:
            return
        highest = self._fences.get(ref, 0)
        if fence < highest:
            raise HostError(
                409,
                "stale-fence",
                f"{ref}: fence {fence} is older than {highest}; the intent has changed since",
            )
        self._fences[ref] = fence

    # -- moving ----------------------------------------------------------------

    def _settle(self, version: Version) -> None:
        before = version.state
        if version.load is not None:
            # onnxruntime can't stop a load half way: it is settled when it ends.
            version.state = State.LOADING if version.wanted else State.UNLOADING
        elif version.wanted and version.model is not None:
            version.state = State.READY
        elif version.wanted:
            version.state = State.LOADING
            version.load = asyncio.create_task(self._load(version), name=f"load {version.ref}")
        elif version.model is not None and version.in_flight:
            version.state = State.UNLOADING
        elif version.reason:
            version.state = State.FAILED
        else:
            if version.model is not None:
                version.model.close()
                version.model = None  # the last reference: onnxruntime frees it here
            if before in (State.READY, State.UNLOADING):
                version.witness.unloaded_at_ns = time.time_ns()
            version.state = State.AVAILABLE
        if version.state is not before:
            fields = {"model": version.ref.model, "version": version.ref.version}
            log.info(
                version.state.value,
                extra={"fields": fields | ({"reason": version.reason} if version.reason else {})},
            )

    async def _load(self, version: Version) -> None:
        model, reason = None, ""
        expected = version.expected_digest
        try:
            artifact = self._repository.find(version.ref)
            if artifact is None:
                raise LoadFailed("the model file is gone")
            version.size_bytes = artifact.size_bytes
            model = await asyncio.get_running_loop().run_in_executor(
                self._loaders, self._open, artifact, expected
            )
            self._digests.remember(artifact, model.digest)
            # A newer load call may have named another file while this one was read.
            if version.expected_digest not in (None, model.digest):
                raise LoadFailed(
                    f"the file is not the expected one: expected {version.expected_digest}, "
                    f"found {model.digest}"
                )
            version.load_seconds = model.load_seconds
            version.witness.loaded_at_ns = time.time_ns()
        except LoadFailed as error:
            model, reason = None, str(error)
        except (
            Exception
        ) as error:  # whatever a strange file provokes: failed, never loading for ever
            log.exception("load failed unexpectedly", extra={"fields": {"ref": str(version.ref)}})
            model, reason = None, f"unexpected {type(error).__name__}: {error}"
        version.load = None
        version.model, model = model, None
        if reason and version.wanted:
            version.wanted, version.reason = False, reason
        self._settle(version)

    def _open(self, artifact: Artifact, expected_digest: str | None) -> OnnxModel:
        return open_model(
            artifact,
            expected_digest=expected_digest,
            intra_op_threads=self._configuration.intra_op_threads,
            threads=self._configuration.threads_per_version,
        )

    @property
    def loads_under_way(self) -> int:
        return sum(1 for version in self._versions.values() if version.load)

    def close(self) -> None:
        self._loaders.shutdown(wait=False, cancel_futures=True)
        for version in self._versions.values():
            if version.model:
                version.model.close()


def _absent(ref: Ref) -> HostError:
    words = f"there is no {ref} on this host"
    return HostError(404, "version-not-found", words, elsewhere=True)
