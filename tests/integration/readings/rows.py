"""Rows as engine and router leave them, built directly: what the read side is tested with."""

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from swaps.domain.states import END_STATES
from swaps.live.gauges import ClusterGauges, publish_node_gauges
from swaps.live.node_pulse import publish_node_pulse
from swaps.models import (
    Cluster,
    ClusterOnNode,
    ModelHost,
    NodeIncarnation,
    Placement,
    ProcessHeartbeat,
    Route,
    RouteOnNode,
    ServedModel,
    SwapOperation,
)


def a_model(name: str = "iris", *, weights: dict[str, int] | None = None) -> ServedModel:
    model = ServedModel.objects.create(name=name, sample_request={"inputs": []})
    Route.objects.create(
        model=model,
        revision=1 if weights else 0,
        weights=weights or {},
        pinned=sorted(weights or {}),
        committed_at=timezone.now() if weights else None,
    )
    return model


def a_worker(name: str = "worker-1@tests", **changes: Any) -> ProcessHeartbeat:
    """It has just said that it lives."""
    return ProcessHeartbeat.objects.create(**{"kind": "worker", "name": name, **changes})


def a_host(name: str = "alpha", **changes: Any) -> ModelHost:
    return ModelHost.objects.create(
        **{"name": name, "kind": "bundled", "url": "http://127.0.0.1:8001", **changes}
    )


def placed(
    model: ServedModel, version: str, host: ModelHost, status: str = "ready", **changes: Any
) -> Placement:
    ready = status == "ready"
    return Placement.objects.create(
        **{
            "model": model,
            "version": version,
            "host": host,
            "desired": "loaded" if ready else "absent",
            "observed": status,
            "boot_id": "boot-1",
            "answered_boot_id": "boot-1" if ready else "",
            **changes,
        }
    )


def a_cluster(model: ServedModel, version: str, generation: int = 1) -> Cluster:
    return Cluster.objects.create(
        model=model, version=version, generation=generation, endpoints=[], paths={}
    )


def a_node(name: str = "edge-1", state: str = "connected") -> NodeIncarnation:
    return NodeIncarnation.objects.create(
        node_id=name, nonce=uuid.uuid4().hex, stream=uuid.uuid4(), state=state
    )


def acked(node: NodeIncarnation, model: ServedModel, revision: int) -> RouteOnNode:
    on_node, _ = RouteOnNode.objects.update_or_create(
        incarnation=node,
        route=model.route,
        defaults={"revision": revision, "acked_at": timezone.now()},
    )
    return on_node


def warm(node: NodeIncarnation, cluster: Cluster) -> None:
    ClusterOnNode.objects.create(incarnation=node, cluster=cluster, healthy=1, total=1)


def shows(
    node: NodeIncarnation, *, requests_per_second: float | None = None, **clusters: ClusterGauges
) -> None:
    """What this node's metrics last said, by cluster name."""
    publish_node_gauges(node.nonce, clusters)
    publish_node_pulse(node.nonce, requests_per_second)


def a_swap(model: ServedModel, **changes: Any) -> SwapOperation:
    now = timezone.now()
    swap = SwapOperation.objects.create(
        **{
            "model": model,
            "from_version": "1.0",
            "to_version": "1.1",
            "strategy": {"name": "all-at-once", "steps": [{"setWeight": 100}]},
            "requested_by": "operator",
            "state_entered_at": now,
            "end_time": now if changes.get("state") in END_STATES else None,
            "drain_deadline": now + timedelta(seconds=30)
            if changes.get("state") == "OldVersionDraining"
            else None,
            **changes,
        }
    )
    swap.refresh_from_db()
    return swap
