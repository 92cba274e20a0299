"""New revisions of a route, with their drain watch; and how long one took to apply."""

import uuid

from psycopg.types.json import Jsonb

from swaps.db.statements import Statement
from swaps.domain.decisions import RouteChange
from swaps.engine.observe import ObservedSwap

# So many drained versions answer 410 on their pinned path; older ones answer 404.
REMEMBERED_GONE = 20


class RouteInvalid(Exception):
    """A route that must not reach any node."""


def new_revision(observed: ObservedSwap, change: RouteChange) -> Statement:
    """Touches no row when the route is not at the revision any more that was decided upon.

    Raises RouteInvalid, for weights that don't sum to 100 or name a version without
    endpoints: Envoy would accept the former silently.
    """
    swap = observed.swap
    if change.weights and sum(change.weights.values()) != 100:
        raise RouteInvalid(f"weights of {swap.model.name} sum to {sum(change.weights.values())}")
    missing = set(change.weights) - set(observed.clusters)
    if missing:
        raise RouteInvalid(f"{swap.model.name} {', '.join(missing)} has no cluster to route to")
    sticky = str(swap.strategy.get("stickyHeader", ""))
    # One version is no split: the way back carries nothing that a node may have refused.
    divided = sum(1 for weight in change.weights.values() if weight) > 1 and sticky
    gone = [version for version in observed.gone if version not in change.pinned]
    if change.gone and change.gone not in gone:
        gone.append(change.gone)
    return Statement(
        """
        UPDATE swaps_route
           SET revision = revision + 1, weights = %(weights)s, pinned = %(pinned)s,
               gone = %(gone)s, sticky_header = %(sticky)s, split_salt = %(salt)s,
               committed_at = statement_timestamp()
         WHERE model_id = %(model)s AND revision = %(seen)s
        """,
        {
            "model": swap.model_id,
            "seen": observed.snapshot.revision,
            "weights": Jsonb(dict(change.weights)),
            "pinned": Jsonb(sorted(change.pinned)),
            "gone": Jsonb(gone[-REMEMBERED_GONE:]),
            "sticky": sticky if divided else "",
            # By swap: nobody is among the first callers of each.
            "salt": swap.pk.hex[:16] if divided else "",
        },
    )


def watch_drain(observed: ObservedSwap, version: str, watch: uuid.UUID) -> Statement:
    """Ask every node whether the version is idle, from the new revision on."""
    return Statement(
        "INSERT INTO swaps_drainwatch (id, cluster_id, route_revision, opened_at)"
        " VALUES (%(id)s, %(cluster)s, %(revision)s, statement_timestamp())",
        {
            "id": watch,
            "cluster": observed.clusters[version],
            "revision": observed.snapshot.revision + 1,
        },
    )


def close_watch(watch: uuid.UUID) -> Statement:
    return Statement(
        "UPDATE swaps_drainwatch SET closed_at = statement_timestamp() WHERE id = %(id)s",
        {"id": watch},
    )


def applied_ms(observed: ObservedSwap) -> float | None:
    """Milliseconds from the revision's commit to the last required node's ack row.

    None when no node of now acked this revision itself.
    """
    began, acked = observed.swap.revision_at, observed.acked_at
    if began is None or acked is None:
        return None
    return round((acked - began).total_seconds() * 1000, 3)
