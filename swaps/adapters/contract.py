"""What every adapter promises. The words are ours; each adapter translates.

What real servers force on this contract: no server's own idea of "default version"
or "loaded" is trusted, so readiness is asked for one version and a real inference
must come back from it; loading is asynchronous even where a server blocks; a
timeout of a call that changes something means the outcome is unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from swaps.domain.idle_timeouts import USUAL_SECONDS


@dataclass(frozen=True, slots=True)
class HostAddress:
    """Where a host is, and the token for its control calls ("" for none).

    `pinned`: the address that the URL's name stood for when it was checked; calls and requests
    go there, whatever the name stands for by now. "" for a name not resolved yet.
    `idle_seconds`: so long a connection of ours is kept for the next call.
    """

    name: str
    url: str
    token: str = field(default="", repr=False)
    pinned: str = ""
    idle_seconds: float = USUAL_SECONDS


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """One version of one model."""

    model: str
    version: str

    def __str__(self) -> str:
        return f"{self.model} {self.version}"


class VersionStatus(StrEnum):
    ABSENT = "absent"  # the host has no file of it
    AVAILABLE = "available"  # could be loaded
    LOADING = "loading"
    READY = "ready"  # the host says so; only `smoke` shows it
    UNLOADING = "unloading"
    FAILED = "failed"  # the last load failed; `reason` says why
    UNKNOWN = "unknown"  # the host said something we don't know


@dataclass(frozen=True, slots=True)
class Observation:
    """What a host said about a version, just now. None is "it didn't say", never 0."""

    status: VersionStatus
    reason: str = ""
    digest: str | None = None  # `sha256:` and hex, of the file loaded or on disk
    size_bytes: int | None = None
    boot_id: str | None = None  # changes when the host restarts: it is then empty
    in_flight: int | None = None  # requests executing, from every caller


@dataclass(frozen=True, slots=True)
class HostInfo:
    name: str
    version: str
    boot_id: str | None
    extensions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SmokeResult:
    """A real inference, answered by the version that was asked."""

    latency_ms: float
    answer: Mapping[str, Any]


class Scope(StrEnum):
    """What a kind of server can load and unload."""

    NATIVE = "native"  # one version of a model
    NAME = "name"  # a name: each version gets a name of its own
    PROCESS = "process"  # a process a version


@dataclass(frozen=True, slots=True)
class Capabilities:
    scope: Scope
    loads_in_background: bool  # the server itself returns before the load is done
    spares_in_flight: bool  # an unload lets executing requests end (we drain anyway)
    disturbs_siblings: bool  # a load or unload stalls other versions of the host
    fences: bool  # refuses calls of an older intent
    reports_digest: bool
    reports_in_flight: bool
    # Regular expression of the versions it can serve: a swap to another is refused at once.
    version_pattern: str
    # The response header by which it says that nothing of a request was begun, as when it has
    # come back empty: the router then sends it to another host. "" where it has no such sign. It
    # must be on no answer of a request that a version may have seen, or one could run twice.
    not_begun_header: str
    # It keeps a connection without requests open for so long at least, unless one of its hosts was
    # measured to do otherwise. See swaps.domain.idle_timeouts.
    keep_alive_seconds: int


@dataclass(frozen=True, slots=True)
class Upstream:
    """How the router reaches one version: address, and the path of each verb.

    Paths are complete and have no query. `health_path` answers 2xx if and only if
    this version can take requests; a server-wide readiness path won't do, as some
    servers fail it while anything loads.
    """

    host: str  # an address
    port: int
    tls: bool
    server_name: str  # whose certificate it must have, where there is TLS
    infer_path: str
    ready_path: str
    metadata_path: str
    health_path: str


class Adapter(Protocol):
    """One host, spoken to. Safe to use from several threads; holds no state.

    Whatever a host says, the texts that come of it here, errors' messages among them, fit a row,
    a log line and a page as they are: printable, and no longer than the columns for them (boot
    ids and digests) or some LONGEST_SENTENCE. See `swaps.domain.texts`.

    Every method may raise HostUnreachable, AuthFailed and ProtocolError of
    `swaps.adapters.errors`; the methods say what else.
    """

    kind: ClassVar[str]
    capabilities: ClassVar[Capabilities]

    @property
    def address(self) -> HostAddress: ...

    def identify(self) -> HostInfo:
        """Is it there, and is it this kind? Asked without our token.

        Raises Unsupported when the server lacks what this kind needs.
        """
        ...

    def probe(self) -> HostInfo:
        """As `identify`, and does it take our token?"""
        ...

    def list(self) -> list[tuple[Ref, Observation]]:
        """Every version the host has or serves, of a name that a model and a version may have."""
        ...

    def status(self, ref: Ref) -> Observation:
        """One version; ABSENT is an answer, not an error."""
        ...

    def begin_load(self, ref: Ref, *, fence: int, expected_digest: str | None) -> Observation:
        """Ask for a version to be ready; returns within a second or two, poll `status`.

        Idempotent. `fence` grows with every intent for this (host, ref). With
        `expected_digest` the load fails when the host's file is another.
        Raises ArtifactMissing, LoadFailed, Conflict, OutcomeUnknown.
        """
        ...

    def smoke(self, ref: Ref, payload: Mapping[str, Any]) -> SmokeResult:
        """Send one real inference; the answer must come from this very version.

        `payload` is an infer body of Open Inference Protocol v2.
        Raises NotReady, ArtifactMissing, RequestRefused; ProtocolError when another
        version answered.
        """
        ...

    def begin_unload(self, ref: Ref, *, fence: int) -> Observation:
        """Ask for a version that is ready to be gone; an absent one is a success. Poll `status`.

        Raises Conflict, OutcomeUnknown.
        """
        ...

    def cleanup(self, ref: Ref, *, fence: int) -> Observation:
        """Leave nothing behind of a version that is not ready: of a load that failed, is under
        way, or whose outcome is unknown. Idempotent; poll `status`.

        Raises Conflict, OutcomeUnknown.
        """
        ...

    def metadata(self, ref: Ref) -> dict[str, Any]:
        """Inputs and outputs of a ready version, as Open Inference Protocol v2 says it.

        Raises NotReady, ArtifactMissing.
        """
        ...

    def route(self, ref: Ref) -> Upstream:
        """How requests reach this version. Pure: asks nobody."""
        ...

    def live_path(self) -> str:
        """Where requests go, and answered without a token or work: to try a connection by. Pure."""
        ...
