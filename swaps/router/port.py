"""The port between the rows and whatever routes: desired rows in; what was applied, and what is
idle, out.

Whoever stands behind it (Envoy, by `xds`, `metrics` and `resources`) is told by `DesiredRows` and
tells by `Reports`; of the database it knows no more than this file. `rows` is the other side, and
knows no Envoy. The engine sees neither: it meets the rows.
"""

import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from swaps.domain.idle_timeouts import USUAL_SECONDS

# --- in: what every node should hold, as plain values


@dataclass(frozen=True, slots=True)
class Endpoint:
    address: str
    port: int
    tls: bool = False
    server_name: str = ""  # whose certificate it must have; "": the address's
    idle_seconds: float = USUAL_SECONDS  # after which a connection without a request is closed
    not_begun: str = ""  # the header of an answer that may be asked for elsewhere; "": none


@dataclass(frozen=True, slots=True)
class DesiredCluster:
    """One version's endpoints. `name` is never used again for another one."""

    pk: int
    name: str
    version: str
    endpoints: tuple[Endpoint, ...]
    infer_path: str
    ready_path: str
    metadata_path: str
    health_path: str  # 2xx if and only if the version can take requests


@dataclass(frozen=True, slots=True)
class DesiredRoute:
    """One model's route at one revision. Weights are integer percents."""

    pk: int
    table: str
    revision: int
    weights: Mapping[str, int]
    pinned: Sequence[str] = ()
    gone: Sequence[str] = ()
    sticky_header: str = ""
    split_salt: str = ""


@dataclass(frozen=True, slots=True)
class Watch:
    """An open question to every node: is this cluster drained? See `DrainWatch`."""

    pk: str
    cluster: str
    route_revision: int | None


@dataclass(frozen=True, slots=True)
class DesiredModel:
    """All that is read of one model. `clusters` holds the live ones, by version."""

    pk: int
    name: str
    route: DesiredRoute | None
    clusters: Mapping[str, DesiredCluster]
    watches: Sequence[Watch] = ()
    # What of the rows is in no form that we know; "" when all is.
    unreadable: str = ""


class Built(Protocol):
    """All models as one kind of router takes them. Replaced as a whole, never changed."""

    def with_models(self, read: Mapping[int, DesiredModel], *, forget_others: bool = False) -> Self:
        """This one after `read`; itself when nothing changed."""
        ...

    def problems_since(self, before: Self) -> Iterator[tuple[str, Mapping[str, str]]]:
        """What cannot be built, and was not known yet: the event and its fields, for the log."""
        ...


class DesiredRows[B: Built](Protocol):
    """The rows as they are, built by `B`."""

    @property
    def snapshot(self) -> B: ...

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call on each new snapshot, until the returned function is called."""
        ...

    async def reread(self) -> B:
        """All rows as they are after this call; waits for as long as Postgres is away."""
        ...

    async def in_reading_thread[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a small read of the database, one of `NodeRecords`, say."""
        ...


class NodeRecords(Protocol):
    """What is on record of nodes, for whoever admits them. Each call asks the database."""

    def certificates_that_stand(self, serials: Collection[str]) -> set[str]: ...

    def owner_of_run(self, nonce: str) -> tuple[str | None, bool]: ...

    def tables_taken_by(self, nonce: str) -> frozenset[str]: ...


# --- out: what nodes applied, reach and have proven idle. `durable` is False where it is told again
# when it is lost


@dataclass(frozen=True, slots=True)
class StreamOf:
    """One node's stream to this router process: who reports, and the guard of each report."""

    nonce: str
    router: uuid.UUID
    stream: uuid.UUID


@dataclass(frozen=True, slots=True)
class NodeConnected:
    """This incarnation is served by this stream from now on.

    Void where the nonce is another node's: nobody takes over what is not theirs.
    """

    durable: ClassVar[bool] = True
    of: StreamOf
    node_id: str
    alone: bool = False
    certificate: str = ""  # the serial; "" over the unix socket


@dataclass(frozen=True, slots=True)
class NodeAway:
    """The stream ended. Void when the node has moved to another stream or ended since."""

    durable: ClassVar[bool] = True
    of: StreamOf


@dataclass(frozen=True, slots=True)
class NodeRefusal:
    """What the node refuses beside routes (listener, clusters, scopes); "" once it accepts all."""

    durable: ClassVar[bool] = False
    of: StreamOf
    detail: str


@dataclass(frozen=True, slots=True)
class RouteTaken:
    """The node applied this revision. Never takes a newer one back."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int


@dataclass(frozen=True, slots=True)
class RouteNacked:
    """The node refused this revision and keeps what it has."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int
    detail: str


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster's members as the node's own gauges show them."""

    durable: ClassVar[bool] = False
    nonce: str
    cluster_pk: int
    healthy: int
    total: int


@dataclass(frozen=True, slots=True)
class Proven:
    """This incarnation's proof for a watch, unless the watch was closed or is void."""

    durable: ClassVar[bool] = False
    nonce: str
    stream: uuid.UUID
    watch: str
    flushes: int


type Report = (
    NodeConnected | NodeAway | NodeRefusal | RouteTaken | RouteNacked | ClusterSeen | Proven
)


class NotWritten(Exception):
    """Postgres refuses this report, or nobody writes any more; the message says why."""


class Reports(Protocol):
    """Takes reports at once and commits them soon."""

    # Called when what was told may be lost: whoever reports tells all that stands again.
    on_return: Callable[[], None]

    def add(self, *reports: Report) -> None:
        """Returns at once."""
        ...

    async def committed(self, *reports: Report) -> None:
        """Returns once they are committed. Raises NotWritten."""
        ...
