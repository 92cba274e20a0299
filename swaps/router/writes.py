"""What was seen, as rows. Each write names the stream it speaks for; a late one is void.

A write returns the ids of the models whose swaps may go on because of it.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Protocol

from django.db import connection

from swaps.access.certificate_folder import CertificateEnds
from swaps.models.statements import Statement, run

LEASE = timedelta(seconds=10)

_OPEN_SWAPS_MODELS = """
SELECT DISTINCT model_id FROM swaps_swapoperation WHERE end_time IS NULL AND NOT queued
"""


class Write(Protocol):
    # False: seen again when lost, so its commit need not wait for the disk. Whoever decides
    # by it commits durably, and that carries it along.
    durable: ClassVar[bool]

    def execute(self) -> set[int]:
        """Runs in the writing thread, inside a transaction."""
        ...


def _models(sql: str, parameters: dict[str, Any]) -> set[int]:
    (done,) = run(Statement(sql, parameters))
    return {row[0] for row in done.rows}


def _changed(sql: str, parameters: dict[str, Any]) -> bool:
    (done,) = run(Statement(sql, parameters))
    return done.touched > 0


@dataclass(frozen=True, slots=True)
class StreamOf:
    """One node's stream to this router process: who writes, and the guard of each write."""

    nonce: str
    router: uuid.UUID
    stream: uuid.UUID


@dataclass(frozen=True, slots=True)
class RenewLease:
    """This process lives, and so do these streams. Nodes of processes that don't are away."""

    durable: ClassVar[bool] = False
    router: uuid.UUID
    streams: Collection[uuid.UUID]
    ends: CertificateEnds | None = None

    def execute(self) -> set[int]:
        with connection.cursor() as cursor:
            cursor.execute(
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
            )
            # A process that was stopped for longer than its lease takes its nodes back.
            cursor.execute(
                "UPDATE swaps_nodeincarnation SET last_seen_at = now(), state = 'connected'"
                " WHERE router_id = %(router)s AND stream = ANY(%(streams)s)"
                " AND state IN ('connected', 'away')",
                {"router": self.router, "streams": list(self.streams)},
            )
        lost = _changed(
            "UPDATE swaps_nodeincarnation i SET state = 'away' WHERE i.state = 'connected'"
            " AND NOT EXISTS (SELECT 1 FROM swaps_routerprocess p"
            "                 WHERE p.id = i.router_id AND p.lease_until > now())",
            {},
        )
        return _nodes_changed() if lost else set()


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

    def execute(self) -> set[int]:
        # Whatever was said of it before (away, reaped, retired): it speaks, so it lives, and
        # what lives may route.
        _changed(
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
        return _nodes_changed()


@dataclass(frozen=True, slots=True)
class NodeAway:
    """The stream ended. Void when the node has moved to another stream or ended since."""

    durable: ClassVar[bool] = True
    of: StreamOf

    def execute(self) -> set[int]:
        changed = _changed(
            "UPDATE swaps_nodeincarnation SET state = 'away', last_seen_at = now()"
            " WHERE nonce = %(nonce)s AND router_id = %(router)s AND stream = %(stream)s"
            " AND state = 'connected'",
            _guard(self.of),
        )
        return _nodes_changed() if changed else set()


@dataclass(frozen=True, slots=True)
class NodeRefusal:
    """The node's NACK of listener, clusters or scopes; "" once it accepts all again."""

    durable: ClassVar[bool] = False
    of: StreamOf
    detail: str

    def execute(self) -> set[int]:
        changed = _changed(
            "UPDATE swaps_nodeincarnation SET nack = %(detail)s WHERE nonce = %(nonce)s"
            " AND router_id = %(router)s AND stream = %(stream)s",
            {"detail": self.detail, **_guard(self.of)},
        )
        return _models(_OPEN_SWAPS_MODELS, {}) if changed else set()


@dataclass(frozen=True, slots=True)
class RouteTaken:
    """The node ACKed this revision. Never takes a newer one back."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int

    def execute(self) -> set[int]:
        return _models(
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
            RETURNING (SELECT model_id FROM swaps_route r WHERE r.id = seen.route_id)
            """,
            {"route": self.route_pk, "revision": self.revision, **_guard(self.of)},
        )


@dataclass(frozen=True, slots=True)
class RouteNacked:
    """The node refused this revision and keeps what it has."""

    durable: ClassVar[bool] = False
    of: StreamOf
    route_pk: int
    revision: int
    detail: str

    def execute(self) -> set[int]:
        return _models(
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
            RETURNING (SELECT model_id FROM swaps_route r WHERE r.id = seen.route_id)
            """,
            {
                "route": self.route_pk,
                "revision": self.revision,
                "detail": self.detail,
                **_guard(self.of),
            },
        )


@dataclass(frozen=True, slots=True)
class ClusterSeen:
    """A cluster's members as the node's own gauges show them."""

    durable: ClassVar[bool] = False
    nonce: str
    cluster_pk: int
    healthy: int
    total: int

    def execute(self) -> set[int]:
        return _models(
            """
            INSERT INTO swaps_clusteronnode AS seen
                   (incarnation_id, cluster_id, healthy, total, observed_at)
            SELECT i.id, c.id, %(healthy)s, %(total)s, clock_timestamp()
              FROM swaps_nodeincarnation i, swaps_cluster c
             WHERE i.nonce = %(nonce)s AND c.id = %(cluster)s
            ON CONFLICT (incarnation_id, cluster_id) DO UPDATE
               SET healthy = excluded.healthy, total = excluded.total,
                   observed_at = excluded.observed_at
            RETURNING (SELECT model_id FROM swaps_cluster c WHERE c.id = seen.cluster_id)
            """,
            {
                "nonce": self.nonce,
                "cluster": self.cluster_pk,
                "healthy": self.healthy,
                "total": self.total,
            },
        )


@dataclass(frozen=True, slots=True)
class Proven:
    """This incarnation's proof for a watch, unless the watch was closed or is void."""

    durable: ClassVar[bool] = False
    nonce: str
    stream: uuid.UUID
    watch: str
    flushes: int

    def execute(self) -> set[int]:
        return _models(
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
            RETURNING (SELECT c.model_id FROM swaps_drainwatch w
                         JOIN swaps_cluster c ON c.id = w.cluster_id
                        WHERE w.id = proof.watch_id)
            """,
            {
                "stream": self.stream,
                "flushes": self.flushes,
                "watch": self.watch,
                "nonce": self.nonce,
            },
        )


def _nodes_changed() -> set[int]:
    """After a node came or went. A run that is away has ended, if it had its node's lock and a
    later one of the same node has it: the kernel gives it to one process at a time.
    """
    _changed(
        "UPDATE swaps_nodeincarnation i SET state = 'reaped', ended_at = now(), ended_reason ="
        " 'its node was started anew, which takes the end of the process before'"
        " WHERE i.state = 'away' AND i.alone AND EXISTS ("
        "  SELECT 1 FROM swaps_nodeincarnation later WHERE later.node_id = i.node_id"
        "   AND later.alone AND later.connected_at > i.connected_at)",
        {},
    )
    return _models(_OPEN_SWAPS_MODELS, {})


def _guard(of: StreamOf) -> dict[str, Any]:
    return {"nonce": of.nonce, "router": of.router, "stream": of.stream}
