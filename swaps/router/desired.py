"""What every Envoy should hold, as plain values: the rows, without a database behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swaps.domain.idle_timeouts import USUAL_SECONDS


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
