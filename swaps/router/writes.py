"""What was seen, as rows. Each write names the stream it speaks for; a late one is void.

A statement of a write returns the ids of the models whose swaps may go on because of it, and
tells whoever waits for them; nothing is asked between statements, so that all that was seen
together goes to Postgres in one round trip.
"""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from swaps.access.certificate_folder import CertificateEnds
from swaps.live.notify import NODES_CHANNEL
from swaps.models.statements import Statement, run

LEASE = timedelta(seconds=10)

_NEED_NOT_WAIT = Statement("SELECT set_config('synchronous_commit', 'off', true)", {})


class Write(Protocol):
    # False: seen again when lost, so its commit need not wait for the disk. Whoever decides
    # by it commits durably, and that carries it along.
    durable: ClassVar[bool]

    def statements(self) -> Sequence[Statement]: ...


def write_all(writes: Sequence[Write]) -> set[int]:
    """One transaction; returns the models whose swaps may go on."""
    if not writes:
        return set()
    waits = [] if any(one.durable for one in writes) else [_NEED_NOT_WAIT]
    statements = [statement for one in writes for statement in one.statements()]
    return {row[0] for done in run(*waits, *statements)[len(waits) :] for row in done.rows}


@dataclass(frozen=True, slots=True)
class StreamOf:
    """One node's stream to this router process: who writes, and the guard of each write."""

    nonce: str
    router: uuid.UUID
    stream: uuid.UUID


def _told(change: str, models: str, parameters: Mapping[str, Any]) -> Statement:
    """`models`: of what `change` has `written`, the ids of the models that it matters to."""
    return Statement(
        f"WITH written AS ({change}) SELECT model_id, pg_notify('{NODES_CHANNEL}', model_id::text)"  # noqa: S608 - our own words
        f" FROM ({models}) AS told",
        parameters,
    )


def _nodes(change: str, parameters: Mapping[str, Any] | None = None) -> Statement:
    """A change of nodes' rows: any open swap may wait for it, or for it no longer."""
    return _told(
        f"{change} RETURNING id",
        "SELECT DISTINCT model_id FROM swaps_swapoperation"
        " WHERE end_time IS NULL AND NOT queued AND EXISTS (SELECT FROM written)",
        parameters or {},
    )


# After a node came or went. A run that is away has ended, if it had its node's lock and a
# later one of the same node has it: the kernel gives it to one process at a time.
_REAP = _nodes(
    "UPDATE swaps_nodeincarnation i SET state = 'reaped', ended_at = now(), ended_reason ="
    " 'its node was started anew, which takes the end of the process before'"
    " WHERE i.state = 'away' AND i.alone AND EXISTS ("
    "  SELECT 1 FROM swaps_nodeincarnation later WHERE later.node_id = i.node_id"
    "   AND later.alone AND later.connected_at > i.connected_at)"
)
_OF_ROUTE = "SELECT r.model_id FROM swaps_route r JOIN written ON r.id = written.route_id"
_OF_CLUSTER = "SELECT c.model_id FROM swaps_cluster c JOIN written ON c.id = written.cluster_id"
_OF_WATCH = (
    "SELECT c.model_id FROM swaps_cluster c JOIN swaps_drainwatch w ON c.id = w.cluster_id"
    " JOIN written ON w.id = written.watch_id"
)


@dataclass(frozen=True, slots=True)
class RenewLease:
    """This process lives, and so do these streams. Nodes of processes that don't are away."""

    durable: ClassVar[bool] = False
    router: uuid.UUID
    streams: Collection[uuid.UUID]
    ends: CertificateEnds | None = None

    def statements(self) -> list[Statement]:
        return [
            Statement(
                "INSERT INTO swaps_routerprocess AS p"
                " (id, lease_until, certificate_ends_at, authority_ends_at)"
                " VALUES (%(router)s, now() + make_interval(secs => %(lease)s), %(own)s, %(ca)s)"
                # Files that cannot be read just now: those from before are still shown.
                " ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until,"
                " certificate_ends_at = coalesce(excluded.certificate_ends_at,"
                " p.certificate_ends_at),"
                " authority_ends_at = coalesce(excluded.authority_ends_at, p.authority_ends_at)",
                {
                    "router": self.router,
                    "lease": LEASE.total_seconds(),
                    "own": self.ends.own if self.ends else None,
                    "ca": self.ends.authority if self.ends else None,
                },
            ),
            # A process that was stopped for longer than its lease takes its nodes back.
            Statement(
                "UPDATE swaps_nodeincarnation SET last_seen_at = now(), state = 'connected'"
                " WHERE router_id = %(router)s AND stream = ANY(%(streams)s)"
                " AND state IN ('connected', 'away')",
                {"router": self.router, "streams": list(self.streams)},
            ),
            _nodes(
                "UPDATE swaps_nodeincarnation i SET state = 'away' WHERE i.state = 'connected'"
                " AND NOT EXISTS (SELECT 1 FROM swaps_routerprocess p"
                "                 WHERE p.id = i.router_id AND p.lease_until > now())"
            ),
            _REAP,
        ]


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

    def statements(self) -> list[Statement]:
        # Whatever was said of it before (away, reaped, retired): it speaks, so it lives, and
        # what lives may route.
        connected = _nodes(
            "INSERT INTO swaps_nodeincarnation AS i"
            " (node_id, nonce, state, alone, certificate, router_id, stream, ended_reason, nack)"
            " VALUES (%(node_id)s, %(nonce)s, 'connected', %(alone)s, %(certificate)s,"
            " %(router)s, %(stream)s, '', '')"
            " ON CONFLICT (nonce) DO UPDATE SET state = 'connected', router_id = %(router)s,"
            " stream = %(stream)s, certificate = excluded.certificate, last_seen_at = now(),"
            " ended_at = NULL, ended_reason = '', nack = '' WHERE i.node_id = excluded.node_id",
            {
                "node_id": self.node_id,
                "alone": self.alone,
                "certificate": self.certificate,
                **_guard(self.of),
            },
        )
        return [connected, _REAP]


@dataclass(frozen=True, slots=True)
class NodeAway:
    """The stream ended. Void when the node has moved to another stream or ended since."""

    durable: ClassVar[bool] = True
    of: StreamOf

    def statements(self) -> list[Statement]:
        away = _nodes(
            "UPDATE swaps_nodeincarnation SET state = 'away', last_seen_at = now()"
            " WHERE nonce = %(nonce)s AND router_id = %(router)s AND stream = %(stream)s"
            " AND state = 'connected'",
            _guard(self.of),
        )
        return [away, _REAP]


@dataclass(frozen=True, slots=True)
class NodeRefusal:
    """The node's NACK of listener, clusters or scopes; "" once it accepts all again."""

    durable: ClassVar[bool] = False
    of: StreamOf
    detail: str

    def statements(self) -> list[Statement]:
        refusal = _nodes(
            "UPDATE swaps_nodeincarnation SET nack = %(detail)s WHERE nonce = %(nonce)s"
            " AND router_id = %(router)s AND stream = %(stream)s",
            {"detail": self.detail, **_guard(self.of)},
        )
        return [refusal]


@dataclass(frozen=True, slots=True)
class RouteTaken:
    """The node ACKed this revision. Never takes a newer one back."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int

    def statements(self) -> list[Statement]:
        told = _told(
            """
            INSERT INTO swaps_routeonnode AS seen
                   (incarnation_id, route_id, revision, acked_at, nack_detail)
            SELECT i.id, r.id, %(revision)s, clock_timestamp(), ''
              FROM swaps_nodeincarnation i, swaps_route r
             WHERE i.nonce = %(nonce)s AND i.router_id = %(router)s
               AND i.stream = %(stream)s AND r.id = %(route)s
            ON CONFLICT (incarnation_id, route_id) DO UPDATE
               SET acked_at = CASE WHEN seen.revision = excluded.revision
                                   THEN coalesce(seen.acked_at, excluded.acked_at)
                                   ELSE excluded.acked_at END,
                   revision = excluded.revision,
                   nack_detail = CASE WHEN seen.nacked_revision > excluded.revision
                                      THEN seen.nack_detail ELSE '' END,
                   nacked_revision = CASE WHEN seen.nacked_revision > excluded.revision
                                          THEN seen.nacked_revision END
             WHERE seen.revision <= excluded.revision
            RETURNING route_id
            """,
            _OF_ROUTE,
            {"route": self.route_pk, "revision": self.revision, **_guard(self.of)},
        )
        return [told]


@dataclass(frozen=True, slots=True)
class RouteNacked:
    """The node refused this revision and keeps what it has."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int
    detail: str

    def statements(self) -> list[Statement]:
        told = _told(
            """
            INSERT INTO swaps_routeonnode AS seen
                   (incarnation_id, route_id, revision, nacked_revision, nack_detail)
            SELECT i.id, r.id, 0, %(revision)s, %(detail)s
              FROM swaps_nodeincarnation i, swaps_route r
             WHERE i.nonce = %(nonce)s AND i.router_id = %(router)s
               AND i.stream = %(stream)s AND r.id = %(route)s
            ON CONFLICT (incarnation_id, route_id) DO UPDATE
               SET nacked_revision = excluded.nacked_revision,
                   nack_detail = excluded.nack_detail
             WHERE seen.revision <= excluded.nacked_revision
            RETURNING route_id
            """,
            _OF_ROUTE,
            {
                "route": self.route_pk,
                "revision": self.revision,
                "detail": self.detail,
                **_guard(self.of),
            },
        )
        return [told]


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster's members as the node's own gauges show them."""

    durable: ClassVar[bool] = False
    nonce: str
    cluster_pk: int
    healthy: int
    total: int

    def statements(self) -> list[Statement]:
        told = _told(
            """
            INSERT INTO swaps_clusteronnode AS seen
                   (incarnation_id, cluster_id, healthy, total, observed_at)
            SELECT i.id, c.id, %(healthy)s, %(total)s, clock_timestamp()
              FROM swaps_nodeincarnation i, swaps_cluster c
             WHERE i.nonce = %(nonce)s AND c.id = %(cluster)s
            ON CONFLICT (incarnation_id, cluster_id) DO UPDATE
               SET healthy = excluded.healthy, total = excluded.total,
                   observed_at = excluded.observed_at
            RETURNING cluster_id
            """,
            _OF_CLUSTER,
            {
                "nonce": self.nonce,
                "cluster": self.cluster_pk,
                "healthy": self.healthy,
                "total": self.total,
            },
        )
        return [told]


@dataclass(frozen=True, slots=True)
class Proven:
    """This incarnation's proof for a watch, unless the watch was closed or is void."""

    durable: ClassVar[bool] = False
    nonce: str
    stream: uuid.UUID
    watch: str
    flushes: int

    def statements(self) -> list[Statement]:
        told = _told(
            """
            INSERT INTO swaps_drainproof AS proof
                   (watch_id, incarnation_id, stream, flushes, proven_at)
            SELECT w.id, i.id, %(stream)s, %(flushes)s, clock_timestamp()
              FROM swaps_nodeincarnation i, swaps_drainwatch w
              JOIN swaps_cluster c ON c.id = w.cluster_id
              LEFT JOIN swaps_route r ON r.model_id = c.model_id
             WHERE w.id = %(watch)s AND w.closed_at IS NULL AND i.nonce = %(nonce)s
               AND (w.route_revision IS NULL OR w.route_revision = r.revision)
            ON CONFLICT (watch_id, incarnation_id) DO NOTHING
            RETURNING watch_id
            """,
            _OF_WATCH,
            {
                "stream": self.stream,
                "flushes": self.flushes,
                "watch": self.watch,
                "nonce": self.nonce,
            },
        )
        return [told]


def _guard(of: StreamOf) -> dict[str, Any]:
    return {"nonce": of.nonce, "router": of.router, "stream": of.stream}
