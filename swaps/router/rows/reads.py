"""Rows to plain values: one statement, so that routes, clusters and watches agree."""

import json
from collections.abc import Collection
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db import connection

from swaps.db.statements import Statement, run
from swaps.domain.idle_timeouts import USUAL_SECONDS
from swaps.models import Cluster, Route
from swaps.router.port import DesiredCluster, DesiredModel, DesiredRoute, Endpoint, Watch

# One statement is one view of the database. With several a model, its route could name a cluster
# that was retired between them, and every node would be told of a problem that never was.
_MODELS = """
SELECT m.id, m.name,
       r.id, r.revision, r.weights::text, r.pinned::text, r.gone::text,
       r.sticky_header, r.split_salt,
       (SELECT coalesce(json_agg(json_build_object(
                   'pk', c.id, 'version', c.version,
                   'endpoints', c.endpoints, 'paths', c.paths)), '[]')::text
          FROM swaps_cluster c WHERE c.model_id = m.id AND c.retired_at IS NULL),
       (SELECT coalesce(json_agg(json_build_object(
                   'pk', w.id, 'cluster', w.cluster_id, 'revision', w.route_revision)
                   ORDER BY w.id), '[]')::text
          FROM swaps_drainwatch w JOIN swaps_cluster c ON c.id = w.cluster_id
         WHERE c.model_id = m.id AND w.closed_at IS NULL)
  FROM swaps_servedmodel m LEFT JOIN swaps_route r ON r.model_id = m.id
"""
# For one model it is planned once: for a list of them, Postgres would plan anew each time, which
# takes longer than the reading.
_MODEL = f"{_MODELS} WHERE m.id = %(id)s"


def read_models(model_ids: Collection[int] | None) -> dict[int, DesiredModel]:
    """The present rows of these models, or of all."""
    if model_ids is None:
        statements = [Statement(_MODELS, {})]
    else:
        statements = [Statement(_MODEL, {"id": pk}) for pk in model_ids]
    return {row[0]: _model(row) for found in run(*statements) for row in found.rows}


@lru_cache(maxsize=10_000)
def _model(row: tuple[Any, ...]) -> DesiredModel:
    """Kept, for all rows are looked at once a second, and most are as they were.

    Columns of JSON may hold anything. What cannot be read of one model is told of that model:
    raised, it would end the process, and with it the routes of all.
    """
    model_pk, name, route_pk, revision, weights, pinned, gone, sticky, salt, clusters, watches = row
    route, unreadable = None, []
    if route_pk is not None:
        route = DesiredRoute(route_pk, Route.table_name(route_pk), revision, {})
        try:
            route = replace(
                route,
                weights=dict(json.loads(weights)),
                pinned=list(json.loads(pinned)),
                gone=list(json.loads(gone)),
                sticky_header=sticky,
                split_salt=salt,
            )
        except _ODD as error:
            unreadable.append(f"its route cannot be read: {error!r}")
    live = {}
    for found in json.loads(clusters):
        try:
            live[found["version"]] = _cluster(found)
        except _ODD as error:
            unreadable.append(f"the cluster of {found['version']} cannot be read: {error!r}")
    return DesiredModel(
        pk=model_pk,
        name=name,
        route=route,
        clusters=live,
        watches=[
            Watch(w["pk"], Cluster.name_of(w["cluster"]), w["revision"])
            for w in json.loads(watches)
        ],
        unreadable="; ".join(unreadable),
    )


_ODD = (KeyError, TypeError, ValueError, AttributeError)


def _cluster(found: dict[str, Any]) -> DesiredCluster:
    return DesiredCluster(
        pk=found["pk"],
        name=Cluster.name_of(found["pk"]),
        version=found["version"],
        endpoints=tuple(
            Endpoint(
                str(one["address"]),
                one["port"],
                bool(one.get("tls", False)),
                str(one.get("name", "")),
                float(one.get("idle", USUAL_SECONDS)),
                str(one.get("not_begun", "")),
            )
            for one in found["endpoints"]
        ),
        infer_path=str(found["paths"]["infer"]),
        ready_path=str(found["paths"]["ready"]),
        metadata_path=str(found["paths"]["metadata"]),
        health_path=str(found["paths"]["health"]),
    )


def certificates_that_stand(serials: Collection[str]) -> set[str]:
    """Of these the ones that were issued here, not revoked, and have not ended."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT serial FROM swaps_nodecertificate"
            " WHERE serial = ANY(%s) AND revoked_at IS NULL AND expires_at > now()",
            [list(serials)],
        )
        return {row[0] for row in cursor.fetchall()}


def owner_of_run(nonce: str) -> tuple[str | None, bool]:
    """The id of the node that this run is of, and whether it has a stream for its routes now.

    No id while its row is not there.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT node_id, state = 'connected' FROM swaps_nodeincarnation WHERE nonce = %s",
            [nonce],
        )
        return cursor.fetchone() or (None, False)


def tables_taken_by(nonce: str) -> frozenset[str]:
    """Of which this run of a node ACKed some revision: it serves by that one since."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seen.route_id FROM swaps_routeonnode seen"
            " JOIN swaps_nodeincarnation node ON node.id = seen.incarnation_id"
            " WHERE node.nonce = %s AND seen.revision > 0",
            [nonce],
        )
        return frozenset(Route.table_name(pk) for (pk,) in cursor.fetchall())
