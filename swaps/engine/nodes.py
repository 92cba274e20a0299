"""The router nodes that count: connected ones, and those that may still send traffic."""

from django.db.models import QuerySet

from swaps.models import NodeIncarnation
from swaps.models.nodes import REQUIRED_NODE_STATES


def required_nodes() -> QuerySet[NodeIncarnation]:
    """Every one of these must agree before anything is applied, drained or unloaded."""
    return NodeIncarnation.objects.filter(state__in=REQUIRED_NODE_STATES).order_by("node_id", "pk")
