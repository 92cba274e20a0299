"""What one Envoy is sent and what it said to it: one ADS stream, without the network.

State of the world: listeners, clusters and scopes go as full sets, each route table alone.
Make before break: clusters first; a table only once this stream ACKed every cluster that it
names; a cluster leaves only when no table this node may hold names it.
What is refused, by us or by the node, is left out and told; the rest goes on. The model of a
refused table keeps the one that the node holds; a node that holds none gets a stand-in.
Source: https://www.envoyproxy.io/docs/envoy/v1.40.0/api-docs/xds_protocol
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from envoy.service.discovery.v3 import discovery_pb2

from swaps.domain.texts import storable
from swaps.router.resources.snapshot import (
    TYPE_PREFIX,
    Resource,
    ResourceSnapshot,
    Table,
    digest_of,
)

LISTENERS = TYPE_PREFIX + "envoy.config.listener.v3.Listener"
CLUSTERS = TYPE_PREFIX + "envoy.config.cluster.v3.Cluster"
SCOPES = TYPE_PREFIX + "envoy.config.route.v3.ScopedRouteConfiguration"
ROUTES = TYPE_PREFIX + "envoy.config.route.v3.RouteConfiguration"

KIND = {LISTENERS: "listener", CLUSTERS: "clusters", SCOPES: "scopes"}
# Of these a part that was refused is left out of what is sent next.
PARTED = (CLUSTERS, SCOPES)
# Tables sent and not yet answered. More would only fill Envoy's queue.
TABLES_IN_FLIGHT = 8

LONGEST_DETAIL = 1000

_AFTER_THE_DUMP = "Proto constraint validation failed"
_NAME_IN_DETAIL = re.compile(r"\b(?:hs|sc)_\d+\b")


def _readable(detail: str) -> str:
    """Envoy's reason without the dump of the whole message that may come before it."""
    at = detail.find(_AFTER_THE_DUMP)
    if at > 0:
        names = ", ".join(dict.fromkeys(_NAME_IN_DETAIL.findall(detail[:at])))
        detail = f"{names}: {detail[at:]}" if names else detail[at:]
    return storable(detail, LONGEST_DETAIL) or "no reason given"


_NEVER = (0, "")


@dataclass(frozen=True, slots=True)
class RouteAcked:
    route_pk: int
    revision: int


@dataclass(frozen=True, slots=True)
class RouteRefused:
    route_pk: int
    revision: int
    detail: str


@dataclass(frozen=True, slots=True)
class NodeRefuses:
    """What of listener, clusters and scopes this node refuses now; "" when nothing."""

    detail: str


Outcome = RouteAcked | RouteRefused | NodeRefuses


@dataclass(slots=True)
class _FullSet:
    """One of the three types that are always sent whole."""

    subscribed: bool = False
    sent: dict[str, Resource] = field(default_factory=dict)
    sent_digest: str | None = None
    nonce: str | None = None  # sent, not yet answered
    acked: dict[str, Resource] = field(default_factory=dict)
    ever_acked: bool = False
    refusal: str = ""


class NodeSession:
    """One stream. Feed it requests and snapshots; take responses and outcomes."""

    def __init__(
        self, listener: Resource, snapshot: ResourceSnapshot, served: frozenset[str] = frozenset()
    ) -> None:
        """`served`: the tables that this run of the node took on streams before this one."""
        self._listener = listener
        self._served = served
        self._snapshot = snapshot
        self._sets = {kind: _FullSet() for kind in KIND}
        self._nonces = 0
        self._subscribed_tables: set[str] = set()
        # By table name. What this node may hold: what it ACKed, on this stream.
        self._held: dict[str, Table] = {}
        # version_info by table name: sent last, whether answered or not.
        self._sent_tables: dict[str, str] = {}
        self._in_flight: dict[str, Table] = {}  # by nonce, in the order sent
        self._window = TABLES_IN_FLIGHT
        # Clusters and scopes this node NACKed, by name, with the content and why. Sent again, one
        # would NACK every later push of its kind too.
        self._quarantined: dict[str, tuple[str, str]] = {}
        self._refused_routes: dict[int, tuple[int, str]] = {}
        self._refused_tables: set[str] = set()  # by version_info
        self._refusal = ""
        self._outcomes: list[Outcome] = []

    def set_snapshot(self, snapshot: ResourceSnapshot) -> None:
        self._snapshot = snapshot

    def held_tables(self) -> dict[str, Table]:
        """Of models' routes; a stand-in is none."""
        return {name: one for name, one in self._held.items() if one.route_pk is not None}

    def tell_again(self) -> None:
        """All that stands, as outcomes: for rows that may be lost."""
        self._outcomes += [
            RouteAcked(one.route_pk, one.revision)
            for one in self._held.values()
            if one.route_pk is not None
        ]
        self._outcomes += [RouteRefused(pk, *why) for pk, why in self._refused_routes.items()]
        self._outcomes.append(NodeRefuses(self._refusal))

    def take_outcomes(self) -> list[Outcome]:
        outcomes, self._outcomes = self._outcomes, []
        return outcomes

    # --- what the node says

    def on_request(self, request: discovery_pb2.DiscoveryRequest) -> None:
        """A subscription, an ACK or a NACK: told apart by the nonce, on this stream only."""
        refused = None
        if request.HasField("error_detail"):
            refused = _readable(request.error_detail.message)
        if request.type_url == ROUTES:
            self._on_tables(set(request.resource_names), request.response_nonce, refused)
        elif request.type_url in self._sets:
            self._on_full_set(request.type_url, request.response_nonce, refused)

    def _on_full_set(self, kind: str, nonce: str, refused: str | None) -> None:
        state = self._sets[kind]
        state.subscribed = True
        if not nonce or nonce != state.nonce:
            return
        state.nonce = None
        if refused is None:
            state.acked = state.sent
            state.ever_acked = True
            state.refusal = ""
            self._tell_refusal()
            return
        state.refusal = refused
        if kind in PARTED:
            self._quarantine(state, refused)
        self._tell_refusal()

    def _quarantine(self, state: _FullSet, detail: str) -> None:
        named = {name for name in _NAME_IN_DETAIL.findall(detail) if name in state.sent}
        suspects = named or {
            name
            for name, cluster in state.sent.items()
            if name not in state.acked or state.acked[name].digest != cluster.digest
        }
        for name in suspects:
            self._quarantined[name] = (state.sent[name].digest, detail)

    def _tell_refusal(self) -> None:
        parts = [f"{KIND[k]}: {s.refusal}" for k, s in self._sets.items() if s.refusal]
        parts += [f"{name} left out: {why}" for name, (_, why) in self._quarantined.items()]
        detail = "; ".join(dict.fromkeys(parts))
        if detail != self._refusal:
            self._refusal = detail
            self._outcomes.append(NodeRefuses(detail))

    def _on_tables(self, names: set[str], nonce: str, refused: str | None) -> None:
        for dropped in self._subscribed_tables - names:
            self._held.pop(dropped, None)
            self._sent_tables.pop(dropped, None)
        self._subscribed_tables = names
        if nonce not in self._in_flight:
            return
        for earlier in list(self._in_flight):
            if earlier == nonce:
                break
            # Envoy answered a later one only, so this one's outcome is unknown: send it
            # again, and from now on one at a time.
            skipped = self._in_flight.pop(earlier)
            self._sent_tables.pop(skipped.name, None)
            self._window = 1
        table = self._in_flight.pop(nonce)
        if table.name not in names:
            return
        if refused is None:
            self._held[table.name] = table
        if table.route_pk is None:
            return  # of no model's route, so nobody waits for it
        if refused is None:
            if self._refused_routes.get(table.route_pk, _NEVER)[0] <= table.revision:
                self._refused_routes.pop(table.route_pk, None)
            self._outcomes.append(RouteAcked(table.route_pk, table.revision))
        else:
            self._refused_tables.add(table.version_info)
            self._refuse(table.route_pk, table.revision, refused)

    def _refuse(self, route_pk: int, revision: int, detail: str) -> None:
        before = self._refused_routes.get(route_pk, _NEVER)
        # Where the last table that could be built is not usable either, the newer counts.
        if before[0] <= revision and before != (revision, detail):
            self._refused_routes[route_pk] = (revision, detail)
            self._outcomes.append(RouteRefused(route_pk, revision, detail))

    # --- what the node is sent

    def take_responses(self) -> list[discovery_pb2.DiscoveryResponse]:
        """All that can be sent now. Call after every request and every new snapshot."""
        self._forget_what_was_mended()
        responses = [
            *self._full_set(CLUSTERS, self._wanted_clusters()),
            *self._full_set(SCOPES, self._accepted(SCOPES, self._snapshot.scopes)),
        ]
        if self._sets[CLUSTERS].ever_acked:
            responses += self._full_set(LISTENERS, {self._listener.name: self._listener})
        for route, problem in self._snapshot.unpushable_routes:
            self._refuse(route.pk, route.revision, problem)
        responses += self._tables()
        return responses

    def retry_refused_listener(self) -> None:
        """A port that was taken may be free now; nothing else would make us send it again."""
        state = self._sets[LISTENERS]
        if state.refusal and state.nonce is None:
            state.sent_digest = None

    def _accepted(self, kind: str, desired: Mapping[str, Resource]) -> dict[str, Resource]:
        """What this node refused is left as it was taken last, or out."""
        accepted = dict(desired)
        for name in desired.keys() & self._quarantined.keys():
            taken = self._sets[kind].acked.get(name)
            if taken is None:
                del accepted[name]
            else:
                accepted[name] = taken
        return accepted

    def _forget_what_was_mended(self) -> None:
        if not self._quarantined:
            return
        desired = self._snapshot.clusters | self._snapshot.scopes
        for name, (digest, _) in list(self._quarantined.items()):
            if name not in desired or desired[name].digest != digest:
                del self._quarantined[name]

    def _wanted_clusters(self) -> dict[str, Resource]:
        wanted = self._accepted(CLUSTERS, self._snapshot.clusters)
        # Deleting a cluster that a table still names is ACKed, and serves 503s.
        known = self._sets[CLUSTERS].sent
        for table in (*self._held.values(), *self._in_flight.values()):
            for name in table.clusters:
                if name not in wanted and name not in self._quarantined and name in known:
                    wanted[name] = known[name]
        return wanted

    def _full_set(
        self, kind: str, wanted: dict[str, Resource]
    ) -> list[discovery_pb2.DiscoveryResponse]:
        state = self._sets[kind]
        if not state.subscribed or state.nonce is not None:
            return []
        digest = digest_of(wanted.values())
        if digest == state.sent_digest:
            return []
        state.sent, state.sent_digest = wanted, digest
        response = self._response(kind, digest, wanted.values())
        state.nonce = response.nonce
        return [response]

    def _tables(self) -> list[discovery_pb2.DiscoveryResponse]:
        responses = []
        # Sorted by need: a change of what is held goes before a node's first fill.
        for name in sorted(self._subscribed_tables, key=lambda one: (one not in self._held, one)):
            if len(self._in_flight) >= self._window:
                break
            if any(flying.name == name for flying in self._in_flight.values()):
                continue  # its answer comes first
            table = self._wanted_table(name)
            if table is None or self._sent_tables.get(name) == table.version_info:
                continue
            response = self._response(ROUTES, table.version_info, [table.resource])
            self._in_flight[response.nonce] = table
            self._sent_tables[name] = table.version_info
            responses.append(response)
        return responses

    def _wanted_table(self, name: str) -> Table | None:
        """What this node should hold of it by now; None while it keeps what it has."""
        table = self._snapshot.tables.get(name)
        if table is not None and table.version_info not in self._refused_tables:
            unusable = self._unusable(table)
            if unusable is None:
                acked = self._sets[CLUSTERS].acked
                return table if all(cluster in acked for cluster in table.clusters) else None
            if table.route_pk is not None:
                self._refuse(table.route_pk, table.revision, unusable)
        stand_in = self._snapshot.stand_ins.get(name)
        if stand_in is None or self._serves_a_table(name):
            return None
        return stand_in

    def _serves_a_table(self, name: str) -> bool:
        """Its own, by whatever revision: that is not taken from a node for any other's fault."""
        held = self._held.get(name)
        return held.route_pk is not None if held is not None else name in self._served

    def _unusable(self, table: Table) -> str | None:
        for name in sorted(table.clusters):
            problem = None
            if name not in self._snapshot.clusters:
                problem = self._snapshot.cluster_problems.get(name)
            elif name in self._quarantined and name not in self._sets[CLUSTERS].acked:
                problem = self._quarantined[name][1]
            if problem:
                return f"{name} is not usable: {problem}"
        return None

    def _response(
        self, type_url: str, version: str, resources: Iterable[Resource]
    ) -> discovery_pb2.DiscoveryResponse:
        self._nonces += 1
        return discovery_pb2.DiscoveryResponse(
            type_url=type_url,
            version_info=version,
            nonce=str(self._nonces),
            resources=[one.message for one in resources],
        )
