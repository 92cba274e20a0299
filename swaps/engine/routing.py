"""New revisions of a route, with their drain watch; and how long one took to apply."""

from datetime import datetime

from django.db.models import Max
from django.db.models.functions import Now

from swaps.domain.steps import RouteChange
from swaps.live.notify import notify_routes
from swaps.models import Cluster, DrainWatch, Route, RouteOnNode, SwapOperation
from swaps.models.nodes import REQUIRED_NODE_STATES

# So many drained versions answer 410 on their pinned path; older ones answer 404.
REMEMBERED_GONE = 20


class RouteInvalid(Exception):
    """A route that must not reach any node."""


def write_route(swap: SwapOperation, change: RouteChange) -> tuple[int, DrainWatch | None]:
    """To be called in the transaction that changes the swap.

    Returns the new revision and the drain watch that it opens, if it does.
    Raises RouteInvalid, for weights that don't sum to 100 or name a version without
    endpoints: Envoy would accept the former silently.
    """
    if change.weights and sum(change.weights.values()) != 100:
        raise RouteInvalid(f"weights of {swap.model.name} sum to {sum(change.weights.values())}")
    route = Route.objects.select_for_update().get(model=swap.model_id)
    clusters = {
        cluster.version: cluster
        for cluster in Cluster.objects.filter(model=swap.model_id, retired_at=None)
    }
    missing = set(change.weights) - set(clusters)
    if missing:
        raise RouteInvalid(f"{swap.model.name} {', '.join(missing)} has no cluster to route to")
    route.revision += 1
    route.weights = dict(change.weights)
    route.pinned = sorted(change.pinned)
    gone = [version for version in route.gone if version not in change.pinned]
    if change.gone and change.gone not in gone:
        gone.append(change.gone)
    route.gone = gone[-REMEMBERED_GONE:]
    route.sticky_header = swap.strategy.get("stickyHeader", "")
    Route.objects.filter(pk=route.pk).update(
        revision=route.revision,
        weights=route.weights,
        pinned=route.pinned,
        gone=route.gone,
        sticky_header=route.sticky_header,
        committed_at=Now(),
    )
    if swap.drain_watch_id is not None:
        DrainWatch.objects.filter(pk=swap.drain_watch_id).update(closed_at=Now())
    watch = None
    if change.watch is not None:
        watch = DrainWatch.objects.create(
            cluster=clusters[change.watch], route_revision=route.revision
        )
    notify_routes(swap.model_id)
    return route.revision, watch


def applied_ms(swap: SwapOperation) -> float | None:
    """Milliseconds from the revision's commit to the last required node's ack row.

    None when a node of then is gone, or did not ack this revision itself.
    """
    if swap.revision is None or swap.revision_at is None:
        return None
    acked: datetime | None = RouteOnNode.objects.filter(
        route__model=swap.model_id,
        revision=swap.revision,
        incarnation__state__in=REQUIRED_NODE_STATES,
    ).aggregate(last=Max("acked_at"))["last"]
    if acked is None:
        return None
    return round((acked - swap.revision_at).total_seconds() * 1000, 3)
