"""The fleet in figures: how much there is of each, and how much of it answers."""

from collections.abc import Mapping
from dataclasses import dataclass

from swaps.domain.states import SwapState
from swaps.live.gauges import read_node_gauges
from swaps.models import ModelHost, Route, ServedModel
from swaps.models.hosts import HostHealth
from swaps.models.nodes import NodeState, required_nodes
from swaps.readings.swap.counts import count_swaps
from swaps.readings.traffic.traffic import remember, requests_per_second


@dataclass(frozen=True, slots=True)
class FleetFigures:
    """`requests_per_second` None: some node has not been heard of lately."""

    models: int
    models_serving: int
    hosts: int
    hosts_answering: int
    nodes: int  # that must agree
    nodes_connected: int
    requests_per_second: float | None
    swaps: Mapping[SwapState, int]  # every state, also those of no swap

    @property
    def swaps_ever(self) -> int:
        return sum(self.swaps.values())


def read_figures() -> FleetFigures:
    nodes = list(required_nodes())
    nonces = [node.nonce for node in nodes]
    remember(dict(zip(nonces, read_node_gauges(nonces), strict=True)))
    return FleetFigures(
        models=ServedModel.objects.count(),
        models_serving=Route.objects.exclude(weights={}).count(),
        hosts=ModelHost.objects.count(),
        hosts_answering=ModelHost.objects.filter(health=HostHealth.HEALTHY).count(),
        nodes=len(nodes),
        nodes_connected=sum(node.state == NodeState.CONNECTED for node in nodes),
        requests_per_second=requests_per_second(nonces),
        swaps=count_swaps(),
    )
