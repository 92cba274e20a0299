"""Is a version idle now? Asked of every node by a row, answered by rows.

Not the drain proof of a swap, which also shows that nothing can arrive any more: whoever
asks here learns that the version was idle at some moment after the question, whatever its
weight. The blocking form (ModelHotSwapper) and the API's wait on the same rows.
"""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from swaps.commands.errors import VersionNotFound
from swaps.commands.swaps.requests import find_model
from swaps.domain.snapshot import UNLOADED_STATUSES
from swaps.live.notify import notify_routes
from swaps.models import Cluster, DrainProof, DrainWatch, Placement
from swaps.models.nodes import required_nodes

NO_NODE = "no router node is connected"
# Longer than anybody waits: whoever asked this long ago died before closing it.
FORGOTTEN_AFTER = timedelta(days=1)


def open_watch(model_name: str, version: str) -> DrainWatch | None:
    """Ask every node. None: no host has the version loaded, so nothing runs on it.

    Whoever opens a watch closes it, or the nodes go on answering it.
    Raises ModelNotFound; VersionNotFound for a version that is nowhere.
    """
    model = find_model(model_name)
    with transaction.atomic():
        cluster = (
            Cluster.objects.filter(model=model, version=version).order_by("-generation").first()
        )
        placed = Placement.objects.filter(model=model, version=version).exists()
        if cluster is None and not placed:
            raise VersionNotFound(f"{model_name} {version} is on no host that we know of")
        if cluster is None or _unloaded(model.pk, version):
            return None
        DrainWatch.objects.filter(
            route_revision=None, closed_at=None, opened_at__lt=Now() - FORGOTTEN_AFTER
        ).update(closed_at=Now())
        watch = DrainWatch.objects.create(cluster=cluster)
        notify_routes(model.pk)
        return watch


def unanswered(watch: DrainWatch | None) -> list[str]:
    """The nodes that have not shown the version idle; empty: it was idle on all of them.

    With no node nothing is proven: unknown is not zero.
    """
    if watch is None:
        return []
    nodes = dict(required_nodes().values_list("pk", "node_id"))
    answered = set(DrainProof.objects.filter(watch=watch).values_list("incarnation", flat=True))
    missing = sorted({name for node, name in nodes.items() if node not in answered})
    if nodes and not missing:
        return []
    # A swap may have proven, unloaded and taken it out of the nodes while we asked: then
    # no node counts for it any more, and nothing runs on it.
    if _unloaded(watch.cluster.model_id, watch.cluster.version):
        return []
    return missing or [NO_NODE]


def close_watch(watch: DrainWatch | None) -> None:
    if watch is None:
        return
    with transaction.atomic():
        DrainWatch.objects.filter(pk=watch.pk, closed_at=None).update(closed_at=Now())
        notify_routes(watch.cluster.model_id)


def _unloaded(model_id: int, version: str) -> bool:
    """Every host that ever had it says that it is not loaded."""
    observed = set(
        Placement.objects.filter(model=model_id, version=version).values_list("observed", flat=True)
    )
    return bool(observed) and observed <= UNLOADED_STATUSES
