"""Rows to a snapshot: what the decision sees of one swap. Reads, changes nothing."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, Q
from django.db.models.functions import Now

from swaps.domain.snapshot import HostView, NodeView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.engine.nodes import required_nodes
from swaps.models import (
    Cluster,
    ClusterOnNode,
    DrainProof,
    Placement,
    Route,
    RouteOnNode,
    SwapOperation,
)
from swaps.models.hosts import Desired, Observed
from swaps.models.nodes import NodeState

# A load that began so long ago and was never heard of again takes no slot any more.
SLOT_FORGOTTEN_AFTER = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A swap as it was read, and what the decision sees of it."""

    swap: SwapOperation
    snapshot: Snapshot


def observe(swap_id: uuid.UUID) -> Sighting:
    """Raises SwapOperation.DoesNotExist."""
    swap = (
        SwapOperation.objects.select_related("model", "model__route", "drain_watch__cluster")
        .annotate(read_at=ExpressionWrapper(Now(), output_field=DateTimeField()))
        .get(pk=swap_id)
    )
    now: datetime = swap.read_at
    route = swap.model.route
    state = SwapState(swap.state)
    watch = swap.drain_watch
    watching = (
        watch.cluster.version
        if watch is not None and watch.route_revision == route.revision
        else None
    )
    source, target = _hosts(swap)
    snapshot = Snapshot(
        now=now,
        state=state,
        from_version=swap.from_version,
        to_version=swap.to_version,
        source=source,
        target=target,
        nodes=() if state is SwapState.NOT_STARTED else _nodes(swap, route, watching),
        revision=route.revision,
        weights=route.weights,
        pinned=frozenset(route.pinned),
        steps=parse_strategy(swap.strategy).steps,
        min_ready_hosts=swap.min_ready_hosts,
        on_drain_timeout=swap.on_drain_timeout,
        load_deadline=swap.state_entered_at + timedelta(seconds=swap.load_timeout_seconds)
        if state is SwapState.LOADING_NEW_VERSION
        else None,
        apply_deadline=swap.revision_at + timedelta(seconds=swap.apply_timeout_seconds)
        if swap.revision_at
        else None,
        drain_deadline=swap.drain_deadline,
        swap_deadline=swap.swap_deadline,
        keep_warm=timedelta(seconds=swap.keep_warm_seconds),
        queued_behind="waits in the model's line for its turn" if swap.queued else "",
        abort=swap.abort_requested,
        paused=swap.paused,
        promoted_steps=swap.promoted_steps,
        promoted_full=swap.promoted_full,
        bake_ended=swap.bake_ended,
        forced_by=swap.forced_by,
        roll_forward=swap.roll_forward_requested,
        step_index=swap.step_index,
        step_entered_at=swap.step_entered_at,
        routed=swap.revision is not None,
        watching=watching,
        drained_at=swap.drained_at,
        past_return=swap.past_return_at is not None,
        unload_called_at=swap.unload_called_at,
        failure=swap.failure,
    )
    return Sighting(swap, snapshot)


def _hosts(swap: SwapOperation) -> tuple[tuple[HostView, ...], tuple[HostView, ...]]:
    versions = [version for version in (swap.from_version, swap.to_version) if version]
    placements = {
        (row.version, row.host.name): row
        for row in Placement.objects.select_related("host").filter(
            model=swap.model_id, version__in=versions
        )
    }
    crowded = _crowded_hosts(swap) if swap.state == SwapState.LOADING_NEW_VERSION else set()
    source = tuple(
        _view(host, placements.get((swap.from_version or "", host)), crowded)
        for host in swap.source_hosts
    )
    target = tuple(
        _view(host, placements.get((swap.to_version, host)), crowded) for host in swap.target_hosts
    )
    return source, target


def _view(host: str, row: Placement | None, crowded: set[str]) -> HostView:
    if row is None:
        return HostView(host=host, wanted=False, status=Observed.UNKNOWN)
    return HostView(
        host=host,
        wanted=row.desired == Desired.LOADED,
        status=row.observed,
        reason=row.observed_reason,
        load_called=row.load_called_at is not None,
        answered=bool(row.answered_boot_id) and row.answered_boot_id == row.boot_id,
        seen_at=row.observed_at,
        load_slot_free=host not in crowded,
    )


def loads_under_way() -> Q:
    """Placements that take one of their host's load slots."""
    return Q(
        desired=Desired.LOADED,
        observed=Observed.LOADING,
        load_called_at__gt=Now() - SLOT_FORGOTTEN_AFTER,
    )


def _crowded_hosts(swap: SwapOperation) -> set[str]:
    """Target hosts that load as many versions as they may, for all swaps together."""
    loading: dict[str, int] = {}
    limits: dict[str, int] = {}
    rows = Placement.objects.filter(loads_under_way(), host__name__in=swap.target_hosts).exclude(
        model=swap.model_id, version=swap.to_version
    )
    for name, limit in rows.values_list("host__name", "host__max_concurrent_loads"):
        loading[name] = loading.get(name, 0) + 1
        limits[name] = limit
    return {name for name, count in loading.items() if count >= limits[name]}


def _nodes(swap: SwapOperation, route: Route, watching: str | None) -> tuple[NodeView, ...]:
    incarnations = list(required_nodes())
    ids = [node.pk for node in incarnations]
    routes = {
        row.incarnation_id: row
        for row in RouteOnNode.objects.filter(route=route.pk, incarnation__in=ids)
    }
    warm = _warm(swap, ids) if swap.state != SwapState.OLD_VERSION_DRAINING else {}
    proven: Iterable[int] = ()
    if watching is not None:
        proven = set(
            DrainProof.objects.filter(watch=swap.drain_watch_id, incarnation__in=ids).values_list(
                "incarnation", flat=True
            )
        )
    views = []
    for node in incarnations:
        on_node = routes.get(node.pk)
        refused = on_node is not None and on_node.nacked_revision == route.revision
        views.append(
            NodeView(
                name=node.node_id,
                connected=node.state == NodeState.CONNECTED,
                seen_at=node.last_seen_at,
                applied_revision=on_node.revision if on_node else 0,
                nack=on_node.nack_detail if on_node and refused else None,
                warm=frozenset(warm.get(node.pk, ())),
                proven=node.pk in proven,
                cluster_nack=node.nack,
            )
        )
    return tuple(views)


def _warm(swap: SwapOperation, nodes: list[int]) -> dict[int, set[str]]:
    warm: dict[int, set[str]] = {}
    rows = ClusterOnNode.objects.filter(
        incarnation__in=nodes,
        healthy__gte=1,
        cluster__in=Cluster.objects.filter(model=swap.model_id, retired_at=None),
    )
    for incarnation, version in rows.values_list("incarnation", "cluster__version"):
        warm.setdefault(incarnation, set()).add(version)
    return warm
