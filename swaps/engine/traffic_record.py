"""Samples of a swap's traffic, kept in the rows when the live gauges have long forgotten it."""

import hashlib
from collections.abc import Iterable
from datetime import timedelta

from django.db.models import DateTimeField, ExpressionWrapper, Max, Min, Q
from django.db.models.functions import Now

from swaps.domain.states import END_STATES, OPEN_STATES, SwapState
from swaps.live.gauges import ClusterGauges, answered, in_flight, read_node_gauges, slowest
from swaps.models import Cluster, SwapOperation, TrafficSample
from swaps.models.nodes import required_nodes

# A long swap is sampled ever more seldom: a day of it leaves under a thousand rows.
PARTS_OF_AGE = 100
# From when its new version is being loaded, and a little past the end: the last requests count.
RECORDED = OPEN_STATES - {SwapState.NOT_STARTED}
PAST_END = timedelta(seconds=2)


def record_traffic() -> int:
    """One sample of each swap that is due for one; returns how many were taken."""
    due = [swap for swap in _recorded() if _is_due(swap)]
    if not due:
        return 0
    nonces = list(required_nodes().values_list("nonce", flat=True))
    gauges = read_node_gauges(nonces)
    nodes = hashlib.sha256(" ".join(sorted(nonces)).encode()).hexdigest()[:32]
    clusters = {
        (cluster.model_id, cluster.version): cluster.name
        for cluster in Cluster.objects.filter(
            model__in={swap.model_id for swap in due}, retired_at=None
        )
    }
    samples = []
    for swap in due:
        was = clusters.get((swap.model_id, swap.from_version or ""))
        becomes = clusters.get((swap.model_id, swap.to_version))
        old, new = _counts(was, gauges), _counts(becomes, gauges)
        samples.append(
            TrafficSample(
                swap=swap,
                nodes=nodes,
                old_in_flight=old[0],
                old_answers=old[1],
                old_errors=old[2],
                new_in_flight=new[0],
                new_answers=new[1],
                new_errors=new[2],
                old_p95_ms=slowest("p95_ms", was, gauges) if was else None,
                new_p95_ms=slowest("p95_ms", becomes, gauges) if becomes else None,
            )
        )
    TrafficSample.objects.bulk_create(samples)
    return len(samples)


def _recorded() -> Iterable[SwapOperation]:
    # Each way has an index of its own: looked for every second, among all swaps that ever were.
    going = ~Q(state__in=END_STATES) & Q(state__in=RECORDED)
    return SwapOperation.objects.filter(going | Q(end_time__gte=Now() - PAST_END)).annotate(
        now=ExpressionWrapper(Now(), output_field=DateTimeField()),
        first=Min("traffic_samples__at"),
        last=Max("traffic_samples__at"),
    )


def _is_due(swap: SwapOperation) -> bool:
    now, first, last = swap.now, swap.first, swap.last  # type: ignore[attr-defined] # annotated
    if last is None:
        # What ended before anybody looked moved no traffic, or is too short to tell of.
        return swap.end_time is None
    return bool(now - last >= (now - first) / PARTS_OF_AGE)


def _counts(
    cluster: str | None, gauges: list[dict[str, ClusterGauges] | None]
) -> tuple[int | None, int | None, int | None]:
    """In flight, answers, and errors among them."""
    if cluster is None:
        return None, None, None
    counted = answered(cluster, gauges)
    return in_flight(cluster, gauges), *(counted or (None, None))
