"""The rows that bear on some models, read in a fixed number of queries, however many."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.functions import Now

from swaps.access.roles import Scope
from swaps.domain.activity import active_versions
from swaps.domain.states import END_STATES
from swaps.live.gauges import ClusterGauges, read_node_gauges
from swaps.models import (
    Cluster,
    ClusterOnNode,
    DrainProof,
    NodeIncarnation,
    Placement,
    Route,
    RouteOnNode,
    ServedModel,
    SwapOperation,
)
from swaps.models.nodes import required_nodes
from swaps.models.swap_operations import undecided
from swaps.readings.swap.approvals import look_up_approvals
from swaps.readings.traffic.traffic import remember


@dataclass(frozen=True, slots=True)
class Node:
    """A router node that serves, or may still serve, traffic. No gauges: not heard of lately."""

    row: NodeIncarnation
    gauges: dict[str, ClusterGauges] | None


@dataclass(slots=True)
class ModelRows:
    """One model and all that is known of it."""

    now: datetime  # the database's clock
    model: ServedModel
    route: Route | None
    nodes: list[Node]
    on_nodes: dict[int, RouteOnNode]  # by incarnation
    clusters: dict[str, Cluster]  # the live one, by version
    warm: set[tuple[int, str]]  # (incarnation, version) with a healthy member
    placements: list[Placement]
    open_swap: SwapOperation | None
    queue: list[SwapOperation]  # first in line first
    proofs: dict[uuid.UUID | None, set[int]]  # incarnations, by drain watch

    @property
    def weights(self) -> dict[str, int]:
        return dict(self.route.weights) if self.route else {}

    @property
    def applied(self) -> bool:
        """Every required node ACKed the present revision. With no node: no."""
        return bool(self.nodes) and all(self.applied_on(node) for node in self.nodes)

    def applied_on(self, node: Node) -> bool:
        on_node = self.on_nodes.get(node.row.pk)
        return (
            self.route is not None
            and on_node is not None
            and on_node.revision >= self.route.revision
        )

    @property
    def active(self) -> set[str]:
        """See swaps.domain.activity."""
        swaps = [undecided(self.open_swap)] if self.open_swap else []
        ready = {row.version for row in self.placements if row.answers}
        return active_versions(self.weights, ready, swaps)


def read_model_rows(
    model_ids: Iterable[int],
    *,
    watches: Iterable[uuid.UUID | None] = (),
    scope: Scope = None,
) -> dict[int, ModelRows]:
    """`watches`: the drain watches whose proofs are wanted too, by id.

    Where `scope` is some models only, a node's words that may name others are left out.
    """
    ids = set(model_ids)
    models = list(
        ServedModel.objects.filter(pk__in=ids)
        .select_related("route", "named_strategy", "unprotect_request")
        .annotate(read_at=ExpressionWrapper(Now(), output_field=DateTimeField()))
    )
    incarnations = list(required_nodes())
    if scope is not None:
        for node in incarnations:
            node.nack = ""
    gauges = read_node_gauges([node.nonce for node in incarnations])
    remember({node.nonce: shown for node, shown in zip(incarnations, gauges, strict=True)})
    nodes = [Node(row, shown) for row, shown in zip(incarnations, gauges, strict=True)]
    node_ids = [node.pk for node in incarnations]

    rows = {
        model.pk: ModelRows(
            now=model.read_at,
            model=model,
            route=getattr(model, "route", None),
            nodes=nodes,
            on_nodes={},
            clusters={},
            warm=set(),
            placements=[],
            open_swap=None,
            queue=[],
            proofs={},
        )
        for model in models
    }
    _add_route_acks(rows, node_ids)
    for cluster in Cluster.objects.filter(model__in=rows, retired_at=None):
        rows[cluster.model_id].clusters[cluster.version] = cluster
    for model_id, incarnation, version in ClusterOnNode.objects.filter(
        cluster__model__in=rows, cluster__retired_at=None, incarnation__in=node_ids, healthy__gte=1
    ).values_list("cluster__model", "incarnation", "cluster__version"):
        rows[model_id].warm.add((incarnation, version))
    for placement in Placement.objects.select_related("host").filter(model__in=rows):
        rows[placement.model_id].placements.append(placement)
    _add_open_swaps(rows)
    _add_proofs(rows, [watch for watch in watches if watch is not None], node_ids)
    return rows


def _add_route_acks(rows: dict[int, ModelRows], node_ids: list[int]) -> None:
    for on_node in RouteOnNode.objects.filter(
        route__model__in=rows, incarnation__in=node_ids
    ).select_related("route"):
        rows[on_node.route.model_id].on_nodes[on_node.incarnation_id] = on_node


def _add_open_swaps(rows: dict[int, ModelRows]) -> None:
    unended = SwapOperation.objects.filter(~Q(state__in=END_STATES), model__in=rows)
    swaps = list(unended.order_by("start_time", "pk"))
    look_up_approvals(swaps)
    for swap in swaps:
        if swap.queued:
            rows[swap.model_id].queue.append(swap)
        else:
            # There is only one: the database refuses a second.
            rows[swap.model_id].open_swap = swap


def _add_proofs(rows: dict[int, ModelRows], watches: list[uuid.UUID], node_ids: list[int]) -> None:
    if not watches:
        return
    proven = DrainProof.objects.filter(watch__in=watches, incarnation__in=node_ids).values_list(
        "watch__cluster__model", "watch", "incarnation"
    )
    for model_id, watch, incarnation in proven:
        rows[model_id].proofs.setdefault(watch, set()).add(incarnation)
