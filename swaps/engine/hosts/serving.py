"""How much each version is called, from the live gauges: for an order, not for a decision."""

from collections.abc import Collection

from swaps.live.gauges import counts_of, read_node_gauges
from swaps.models import Cluster
from swaps.models.nodes import required_nodes


def calls_of(versions: Collection[tuple[int, str]]) -> dict[tuple[int, str], int]:
    """Answers since the nodes started, by model and version, as far as nodes tell."""
    clusters = Cluster.objects.filter(
        model__in={model for model, _ in versions}, retired_at=None
    ).only("pk", "model", "version")
    gauges = read_node_gauges(list(required_nodes().values_list("nonce", flat=True)))
    calls: dict[tuple[int, str], int] = {}
    for cluster in clusters:
        shown = [node[cluster.name] for node in gauges if node and cluster.name in node]
        if shown:
            calls[cluster.model_id, cluster.version] = sum(counts_of(one)[0] for one in shown)
    return calls
