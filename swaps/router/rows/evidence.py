"""What a node applied, which hosts it reaches and what it has proven idle: rows that the swaps of
one model may wait for.
"""

from swaps.db.statements import Statement
from swaps.router.port import ClusterSeen, Proven, RouteNacked, RouteTaken
from swaps.router.rows.telling import guard, told

_OF_ROUTE = "SELECT r.model_id FROM swaps_route r JOIN written ON r.id = written.route_id"
_OF_CLUSTER = "SELECT c.model_id FROM swaps_cluster c JOIN written ON c.id = written.cluster_id"
_OF_WATCH = (
    "SELECT c.model_id FROM swaps_cluster c JOIN swaps_drainwatch w ON c.id = w.cluster_id"
    " JOIN written ON w.id = written.watch_id"
)


def route_taken(taken: RouteTaken) -> list[Statement]:
    written = told(
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
        {"route": taken.route_pk, "revision": taken.revision, **guard(taken.of)},
    )
    return [written]


def route_nacked(nacked: RouteNacked) -> list[Statement]:
    written = told(
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
            "route": nacked.route_pk,
            "revision": nacked.revision,
            "detail": nacked.detail,
            **guard(nacked.of),
        },
    )
    return [written]


def cluster_seen(seen: ClusterSeen) -> list[Statement]:
    written = told(
        """
        INSERT INTO swaps_clusteronnode AS seen
               (incarnation_id, cluster_id, healthy, total, observed_at, none_since)
        SELECT i.id, c.id, %(healthy)s, %(total)s, clock_timestamp(),
               CASE WHEN %(healthy)s = 0 THEN clock_timestamp() END
          FROM swaps_nodeincarnation i, swaps_cluster c
         WHERE i.nonce = %(nonce)s AND c.id = %(cluster)s
        ON CONFLICT (incarnation_id, cluster_id) DO UPDATE
           SET healthy = excluded.healthy, total = excluded.total,
               observed_at = excluded.observed_at,
               none_since = CASE WHEN excluded.healthy = 0
                                 THEN coalesce(seen.none_since, excluded.none_since) END
        RETURNING cluster_id
        """,
        _OF_CLUSTER,
        {
            "nonce": seen.nonce,
            "cluster": seen.cluster_pk,
            "healthy": seen.healthy,
            "total": seen.total,
        },
    )
    return [written]


def proven(proof: Proven) -> list[Statement]:
    written = told(
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
            "stream": proof.stream,
            "flushes": proof.flushes,
            "watch": proof.watch,
            "nonce": proof.nonce,
        },
    )
    return [written]
