"""How requests really fell on the versions between two revisions, for the record.

From the live gauges, which nobody decides by: what is not known is recorded as null.
"""

from swaps.live.gauges import read_node_gauges
from swaps.models import Cluster, SwapOperation
from swaps.models.nodes import required_nodes


def counts(swap: SwapOperation) -> dict[str, int] | None:
    """Answers by version since the nodes started; None when a node has not reported lately."""
    gauges = read_node_gauges(list(required_nodes().values_list("nonce", flat=True)))
    clusters = Cluster.objects.filter(model=swap.model_id, retired_at=None)
    totals: dict[str, int] = {}
    for cluster in clusters:
        total = 0
        for node in gauges:
            if node is None:
                return None
            seen = node.get(cluster.name, {})
            total += seen.get("rq_2xx", 0) + seen.get("rq_4xx", 0) + seen.get("rq_5xx", 0)
        totals[cluster.version] = total
    return totals if gauges else None


def shares(before: dict[str, int] | None, after: dict[str, int] | None) -> dict[str, float] | None:
    """Percent by version of the answers between two counts; None when unknown, or without any.

    Raises nothing: a node that restarted counts anew, and then nothing is known.
    """
    if before is None or after is None:
        return None
    gained = {version: after[version] - before.get(version, 0) for version in after}
    total = sum(gained.values())
    if total <= 0 or min(gained.values()) < 0:
        return None
    return {version: round(100 * count / total, 1) for version, count in gained.items()}
