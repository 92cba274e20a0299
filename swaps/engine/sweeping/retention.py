"""What is over is forgotten after its time, a little at once: tables stay as long as settings say.

Each batch is one transaction of at most BATCH rows of one kind, so nobody waits long for its
locks, and a round that dies half way has done half of its work. Nothing that is open, or that
something open names, is touched. The audit log is never pruned: it takes no deletes at all.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from swaps.domain.states import END_STATES
from swaps.models.kept_answers import KEPT_FOR

BATCH = 1000
# In one round, of one kind: what is left comes with the next.
BATCHES = 50
# Of each model the newest stay however old they are: what serves came by one of them.
NEWEST_KEPT = 20
# What routers write and nobody asks for once its node, its watch or its lease is over.
_LEASES_KEPT = timedelta(days=1)

type Prune = Callable[[], int]


def forget_what_is_over() -> dict[str, int]:
    """How many rows of each kind went. Periodic; safe to run twice, and beside itself."""
    gone: dict[str, int] = {}
    for kind, prune in _kinds():
        rows = 0
        for _ in range(BATCHES):
            with transaction.atomic():
                pruned = prune()
            rows += pruned
            if pruned < BATCH:
                break
        gone[kind] = rows
    return gone


def _kinds() -> Iterator[tuple[str, Prune]]:
    yield "answers", lambda: _delete("swaps_keptanswer", "made_at", KEPT_FOR)
    yield "sessions", lambda: _delete("django_session", "expire_date", key="session_key")
    if settings.KEEP_TRAFFIC:
        yield (
            "traffic samples",
            lambda: _delete("swaps_trafficsample", "at", settings.KEEP_TRAFFIC),
        )
    if settings.KEEP_ROUTER_ROWS:
        kept = settings.KEEP_ROUTER_ROWS
        yield "watches", lambda: _delete_watches(kept)
        yield "clusters", lambda: _delete_clusters(kept)
        yield "nodes", lambda: _delete_nodes(kept)
        yield (
            "certificates",
            lambda: _delete("swaps_nodecertificate", "expires_at", kept),
        )
    yield "router processes", _delete_router_processes
    if settings.KEEP_SWAPS:
        yield "swaps", lambda: _delete_swaps(settings.KEEP_SWAPS)


def _delete(table: str, moment: str, kept: timedelta = timedelta(0), *, key: str = "id") -> int:
    """The rows whose `moment`, a column, lies longer ago than is `kept`."""
    return _run(
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE "  # noqa: S608 - our own words
        f"{moment} < now() - %(kept)s LIMIT %(batch)s FOR UPDATE SKIP LOCKED)",
        kept=kept,
    )


def _delete_watches(kept: timedelta) -> int:
    """With their proofs. One that an open swap asks stays, whatever its age."""
    return _run(
        """
        WITH over AS (
          SELECT w.id FROM swaps_drainwatch w WHERE w.closed_at < now() - %(kept)s
             AND NOT EXISTS (SELECT 1 FROM swaps_swapoperation s
                              WHERE s.drain_watch_id = w.id AND s.state <> ALL (%(ends)s))
           LIMIT %(batch)s FOR UPDATE SKIP LOCKED),
        left_by AS (UPDATE swaps_swapoperation SET drain_watch_id = NULL
                     WHERE drain_watch_id IN (SELECT id FROM over)),
        proofs AS (DELETE FROM swaps_drainproof WHERE watch_id IN (SELECT id FROM over))
        DELETE FROM swaps_drainwatch WHERE id IN (SELECT id FROM over)
        """,
        kept=kept,
    )


def _delete_clusters(kept: timedelta) -> int:
    """Retired, and asked about by no watch any more."""
    return _run(
        """
        WITH over AS (
          SELECT c.id FROM swaps_cluster c WHERE c.retired_at < now() - %(kept)s
             AND NOT EXISTS (SELECT 1 FROM swaps_drainwatch w WHERE w.cluster_id = c.id)
           LIMIT %(batch)s FOR UPDATE SKIP LOCKED),
        seen AS (DELETE FROM swaps_clusteronnode WHERE cluster_id IN (SELECT id FROM over))
        DELETE FROM swaps_cluster WHERE id IN (SELECT id FROM over)
        """,
        kept=kept,
    )


def _delete_nodes(kept: timedelta) -> int:
    """Runs of nodes that ended, with what they acked, saw and proved. One that is only away may
    still send traffic: it stays until somebody knows that it does not.
    """
    return _run(
        """
        WITH over AS (
          SELECT id FROM swaps_nodeincarnation
           WHERE state IN ('reaped', 'retired') AND ended_at < now() - %(kept)s
           LIMIT %(batch)s FOR UPDATE SKIP LOCKED),
        acks AS (DELETE FROM swaps_routeonnode WHERE incarnation_id IN (SELECT id FROM over)),
        seen AS (DELETE FROM swaps_clusteronnode WHERE incarnation_id IN (SELECT id FROM over)),
        proofs AS (DELETE FROM swaps_drainproof WHERE incarnation_id IN (SELECT id FROM over))
        DELETE FROM swaps_nodeincarnation WHERE id IN (SELECT id FROM over)
        """,
        kept=kept,
    )


def _delete_router_processes() -> int:
    return _run(
        """
        WITH over AS (
          SELECT id FROM swaps_routerprocess WHERE lease_until < now() - %(kept)s
           LIMIT %(batch)s FOR UPDATE SKIP LOCKED),
        served AS (UPDATE swaps_nodeincarnation SET router_id = NULL
                    WHERE router_id IN (SELECT id FROM over))
        DELETE FROM swaps_routerprocess WHERE id IN (SELECT id FROM over)
        """,
        kept=_LEASES_KEPT,
    )


def _delete_swaps(kept: timedelta) -> int:
    """With their events, samples and approvals. Not the newest of a model, nor what still owes an
    unload, nor one that a roll back names which stays.
    """
    return _run(
        """
        WITH over AS (
          SELECT s.id
            FROM swaps_servedmodel m
            CROSS JOIN LATERAL (
              SELECT start_time FROM swaps_swapoperation
               WHERE model_id = m.id ORDER BY start_time DESC, id DESC
              OFFSET %(newest)s LIMIT 1) kept_from
            JOIN swaps_swapoperation s ON s.model_id = m.id
             AND s.start_time < kept_from.start_time
             AND s.start_time < now() - %(kept)s
           WHERE s.end_time < now() - %(kept)s AND NOT s.cleanup_pending
             AND NOT EXISTS (SELECT 1 FROM swaps_swapoperation r WHERE r.reverses_id = s.id)
           LIMIT %(batch)s FOR UPDATE OF s SKIP LOCKED),
        events AS (DELETE FROM swaps_swapevent WHERE swap_id IN (SELECT id FROM over)),
        samples AS (DELETE FROM swaps_trafficsample WHERE swap_id IN (SELECT id FROM over)),
        approvals AS (DELETE FROM swaps_swapapproval WHERE swap_id IN (SELECT id FROM over))
        DELETE FROM swaps_swapoperation WHERE id IN (SELECT id FROM over)
        """,
        kept=kept,
    )


def _run(statement: str, *, kept: timedelta) -> int:
    values: dict[str, Any] = {
        "kept": kept,
        "batch": BATCH,
        "newest": NEWEST_KEPT - 1,
        "ends": [state.value for state in END_STATES],
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
