"""Rows to plain values: one statement, so that routes, clusters and watches agree."""

import json
from collections.abc import Collection
from functools import lru_cache
from typing import Any

from django.db import connection

from swaps.models import Cluster, Route
from swaps.models.statements import Statement, run
from swaps.router.desired import (
    DesiredCluster,
    DesiredModel,
    DesiredRoute,
    Endpoint,
    Watch,
)

# One statement is one view of the database. With several a model, its route could name a cluster
# that was retired between them, and every node would be told of a problem that never was.
_MODELS = """
SELECT m.id, m.name,
       r.id, r.revision, r.weights::text, r.pinned::text, r.gone::text, r.sticky_header,
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
    """Kept, for all rows are looked at once a second, and most are as they were."""
    model_pk, name, route_pk, revision, weights, pinned, gone, sticky, clusters, watches = row
    route = None
    if route_pk is not None:
        route = DesiredRoute(
            pk=route_pk,
            table=Route.table_name(route_pk),
            revision=revision,
            weights=json.loads(weights),
            pinned=json.loads(pinned),
            gone=json.loads(gone),
            sticky_header=sticky,
        )
    return DesiredModel(
        pk=model_pk,
        name=name,
        route=route,
        clusters={c["version"]: _cluster(c) for c in json.loads(clusters)},
        watches=[
            Watch(w["pk"], Cluster.name_of(w["cluster"]), w["revision"])
            for w in json.loads(watches)
        ],
    )


def _cluster(found: dict[str, Any]) -> DesiredCluster:
    return DesiredCluster(
        pk=found["pk"],
        name=Cluster.name_of(found["pk"]),
        version=found["version"],
        endpoints=tuple(
            Endpoint(one["address"], one["port"], one.get("tls", False), one.get("name", ""))
            for one in found["endpoints"]
        ),
        infer_path=found["paths"]["infer"],
        ready_path=found["paths"]["ready"],
        metadata_path=found["paths"]["metadata"],
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
