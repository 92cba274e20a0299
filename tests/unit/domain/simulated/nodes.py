"""Router nodes: what each really routes by, and what its row says of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from swaps.domain.snapshot import NodeView


@dataclass(frozen=True)
class Route:
    revision: int
    weights: Mapping[str, int]
    pinned: frozenset[str]
    # The drain watch that this revision opened, as long as the revision stands.
    watching: str | None = None

    def names(self, version: str) -> bool:
        return version in self.weights or version in self.pinned


NO_ROUTE = Route(0, {}, frozenset())


@dataclass
class Node:
    name: str
    seen_at: datetime
    connected: bool = True
    gone: bool = False  # the process is no more, which nobody has told us
    # How it behaves.
    deaf: bool = False  # connected, and acks nothing
    refuses: bool = False
    reaches: bool = True  # the hosts, that is
    # The truth.
    route: Route = NO_ROUTE
    busy: set[str] = field(default_factory=set)  # versions with a request that does not end
    # Its row.
    applied_revision: int = 0
    nacked_revision: int = 0
    reachable_since: datetime | None = None
    members: Mapping[str, int] = field(default_factory=dict)
    none_since: Mapping[str, datetime] = field(default_factory=dict)
    proven_revision: int = 0
    proven_at: datetime | None = None

    def hear(self, route: Route, serving: Mapping[str, int], now: datetime) -> None:
        """One exchange: it takes the route or not, and flushes its gauges."""
        if not self.connected:
            return
        self.seen_at = now
        self.members = {version: self.reaches * hosts for version, hosts in serving.items()}
        none = [version for version, hosts in self.members.items() if not hosts]
        self.none_since = {version: self.none_since.get(version, now) for version in none}
        if self.deaf:
            return
        if self.refuses and route.revision != self.applied_revision:
            self.nacked_revision = route.revision
            return
        self.route = route
        self.applied_revision = route.revision
        if route.watching and route.watching not in self.busy:
            if self.proven_revision != route.revision:
                self.proven_at = now
            self.proven_revision = route.revision

    def leave(self) -> None:
        self.connected = False

    def come_back(self, now: datetime) -> None:
        """A new stream: what was counted on the last one says nothing."""
        if not self.gone:
            self.connected = True
            self.reachable_since = now
            self.applied_revision = self.nacked_revision = self.proven_revision = 0
            self.members = {}

    def may_send(self, version: str) -> bool:
        return not self.gone and (self.route.names(version) or version in self.busy)

    def view(self, route: Route, *, routers: bool) -> NodeView:
        """`routers`: a router process serves."""
        refused = self.nacked_revision == route.revision > 0
        proven = self.proven_revision == route.revision and route.watching is not None
        return NodeView(
            name=self.name,
            connected=self.connected and routers,
            seen_at=self.seen_at,
            applied_revision=self.applied_revision,
            nack="refused" if refused else None,
            reachable_since=self.reachable_since,
            members=self.members,
            none_since=self.none_since,
            proven_at=self.proven_at if proven else None,
        )
