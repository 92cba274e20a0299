"""The router: its processes, every node's incarnations, and what each has applied."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now

from swaps.access.roles import Scope
from swaps.live.gauges import read_node_gauges
from swaps.live.node_pulse import read_node_pulses
from swaps.models import NodeIncarnation, Route, RouteOnNode, RouterProcess
from swaps.models.nodes import REQUIRED_NODE_STATES, NodeState
from swaps.readings.router.certificates import CertificateReading, read_certificates
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.traffic.traffic import remember

# Incarnations that ended are history: the newest of them are enough.
ENDED_SHOWN = 20


@dataclass(frozen=True, slots=True)
class RouteOnNodeReading:
    model: str
    revision: int  # the newest that it ACKed; 0: none
    applied: bool  # it is the present one
    acked_at: datetime | None
    refused_revision: int | None
    refusal: str | None


@dataclass(frozen=True, slots=True)
class IncarnationReading:
    """One run of one Envoy. `required`: it must agree before anything counts as applied."""

    node: str
    nonce: str
    state: Annotated[str, one_of(NodeState.values)]
    required: bool
    router: uuid.UUID | None
    connected_at: datetime
    last_seen_at: datetime
    ended_at: datetime | None
    ended_reason: str | None
    refusal: str | None
    gauges_fresh: bool
    gauges_age_seconds: float | None  # since its metrics last came; null: not for minutes
    in_flight: int | None  # requests on all clusters; null: not heard of lately
    requests_per_second: float | None  # of the last seconds; null: not heard of lately
    routes: list[RouteOnNodeReading]


@dataclass(frozen=True, slots=True)
class RouterProcessReading:
    id: uuid.UUID
    started_at: datetime
    lease_until: datetime
    live: bool


@dataclass(frozen=True, slots=True)
class ModelRouteReading:
    model: str
    revision: int
    weights: dict[str, int]
    applied: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class RouterReading(Reading):
    processes: list[RouterProcessReading]
    nodes: list[IncarnationReading]
    routes: list[ModelRouteReading]
    certificates: list[CertificateReading]  # of nodes of other machines, and what they rely on


def read_router(*, scope: Scope = None) -> RouterReading:
    """`scope` narrows the routes, and leaves out a node's counts and words about other models."""
    required = list(NodeIncarnation.objects.filter(state__in=REQUIRED_NODE_STATES))
    ended = list(
        NodeIncarnation.objects.exclude(state__in=REQUIRED_NODE_STATES).order_by("-connected_at")[
            :ENDED_SHOWN
        ]
    )
    within = Q() if scope is None else Q(model__name__in=scope)
    routes = list(Route.objects.filter(within).select_related("model").order_by("model__name"))
    present = {route.pk: route for route in routes}
    acks: dict[int, list[RouteOnNode]] = {}
    for row in RouteOnNode.objects.filter(incarnation__in=required, route__in=present):
        acks.setdefault(row.incarnation_id, []).append(row)
    gauges = read_node_gauges([node.nonce for node in required])
    shown = {node.nonce: one for node, one in zip(required, gauges, strict=True)}
    remember(shown)
    pulses = dict(zip(shown, read_node_pulses(list(shown)), strict=True))

    nodes = []
    for node in [*required, *ended]:
        counted, pulse = shown.get(node.nonce), pulses.get(node.nonce)
        nodes.append(
            IncarnationReading(
                node=node.node_id,
                nonce=node.nonce,
                state=node.state,
                required=node.nonce in shown,
                router=node.router_id,
                connected_at=node.connected_at,
                last_seen_at=node.last_seen_at,
                ended_at=node.ended_at,
                ended_reason=node.ended_reason or None,
                refusal=(node.nack or None) if scope is None else None,
                gauges_fresh=counted is not None,
                gauges_age_seconds=pulse.age_seconds if pulse is not None else None,
                in_flight=sum(
                    one.get("active", 0) + one.get("pending", 0) for one in counted.values()
                )
                if counted is not None and scope is None
                else None,
                requests_per_second=pulse.requests_per_second
                if pulse is not None and counted is not None and scope is None
                else None,
                routes=[_on_node(row, present[row.route_id]) for row in acks.get(node.pk, [])],
            )
        )
    return RouterReading(
        processes=_processes(),
        nodes=nodes,
        routes=[_route(route, required, acks) for route in routes],
        certificates=read_certificates(),
    )


def _on_node(row: RouteOnNode, route: Route) -> RouteOnNodeReading:
    return RouteOnNodeReading(
        model=route.model.name,
        revision=row.revision,
        applied=row.revision >= route.revision,
        acked_at=row.acked_at,
        refused_revision=row.nacked_revision,
        refusal=row.nack_detail or None,
    )


def _route(
    route: Route, required: list[NodeIncarnation], acks: dict[int, list[RouteOnNode]]
) -> ModelRouteReading:
    applied = bool(required) and all(
        any(
            row.route_id == route.pk and row.revision >= route.revision
            for row in acks.get(n.pk, [])
        )
        for n in required
    )
    return ModelRouteReading(
        model=route.model.name,
        revision=route.revision,
        weights=route.weights,
        applied=route.weights if applied else None,
    )


def _processes() -> list[RouterProcessReading]:
    rows = RouterProcess.objects.annotate(
        live=ExpressionWrapper(Q(lease_until__gt=Now()), output_field=BooleanField())
    ).order_by("-lease_until")[:ENDED_SHOWN]
    return [RouterProcessReading(row.pk, row.started_at, row.lease_until, row.live) for row in rows]
