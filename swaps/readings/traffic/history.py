"""The traffic of a model's versions during the last minutes, for charts: what its nodes kept.

All lines have their points at the same moments, so that they can be compared, and so that a
chart stays as it is until the next of these moments.
"""

import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.db.models.functions import Now

from swaps.domain.names import version_order
from swaps.domain.states import END_STATES
from swaps.live.gauge_history import EVERY_SECONDS, KEPT_SECONDS, Kept
from swaps.live.gauges import read_gauge_history
from swaps.models import Cluster, ServedModel, SwapOperation
from swaps.models.nodes import required_nodes

# Two looks this far apart say nothing about the time between them.
_GAP_SECONDS = 3 * EVERY_SECONDS


@dataclass(frozen=True, slots=True)
class VersionHistory:
    """`side`: old or new, as in the last swap that moved traffic; "" for versions before these.

    One value for each moment; None: not known. Percentiles are those of the slowest node.
    """

    version: str
    side: str
    requests_per_second: tuple[float | None, ...]
    errors_percent: tuple[float | None, ...]
    p95_ms: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class TrafficHistory:
    moments: tuple[float, ...]  # seconds since 1970, oldest first
    sides: Mapping[str, str]  # old or new, by version
    versions: tuple[VersionHistory, ...]  # only those that had traffic


def read_traffic_history(
    model: ServedModel, *, seconds: float = KEPT_SECONDS, now: float | None = None
) -> TrafficHistory:
    ended = EVERY_SECONDS * int((time.time() if now is None else now) / EVERY_SECONDS)
    steps = round(seconds / EVERY_SECONDS)
    moments = tuple(ended - EVERY_SECONDS * (steps - i) for i in range(steps + 1))
    lately = Q(retired_at=None) | Q(retired_at__gt=Now() - timedelta(seconds=seconds))
    clusters = sorted(
        Cluster.objects.filter(lately, model=model),
        key=lambda cluster: (version_order(cluster.version), cluster.pk),
    )
    kept = read_gauge_history(
        [node.nonce for node in required_nodes()], [one.name for one in clusters]
    )
    by_version: dict[str, list[list[Kept]]] = {}
    for cluster in clusters:
        by_version.setdefault(cluster.version, []).extend(kept[cluster.name])
    sides = _sides(model)
    lines = [
        _history(version, sides.get(version, ""), looks, moments)
        for version, looks in by_version.items()
    ]
    known = [one for one in lines if any(rate is not None for rate in one.requests_per_second)]
    return TrafficHistory(moments, sides, tuple(known))


def _sides(model: ServedModel) -> dict[str, str]:
    """By the swap that is open, or else the last that moved traffic."""
    swaps = SwapOperation.objects.filter(model=model, queued=False)
    told = swaps.filter(Q(revision__isnull=False) | ~Q(state__in=END_STATES))
    last = told.order_by("-start_time").first()
    if last is None:
        return {}
    sides = {last.to_version: "new"}
    return sides | ({last.from_version: "old"} if last.from_version else {})


def _history(
    version: str, side: str, looks: Sequence[Sequence[Kept]], moments: Sequence[float]
) -> VersionHistory:
    rates: list[float | None] = []
    errors: list[float | None] = []
    slowest: list[float | None] = []
    for at in moments:
        pairs = [pair for one in looks if (pair := _around(one, at)) is not None]
        rate = sum(_a_second(one.answers, then.answers, one, then) for one, then in pairs)
        wrong = sum(_a_second(one.errors, then.errors, one, then) for one, then in pairs)
        percentiles = [then.p95_ms for _, then in pairs if then.p95_ms is not None]
        rates.append(round(rate, 2) if pairs else None)
        errors.append(round(100 * wrong / rate, 2) if rate else None)
        slowest.append(max(percentiles) if percentiles and rate else None)
    return VersionHistory(version, side, tuple(rates), tuple(errors), tuple(slowest))


def _around(looks: Sequence[Kept], at: float) -> tuple[Kept, Kept] | None:
    """The two looks of one node between which this moment is."""
    index = bisect_left(looks, at, key=lambda look: look.at)
    if index == 0 or index == len(looks):
        return None
    before, then = looks[index - 1], looks[index]
    # Counts that fell were not counted on: nobody knows what was between.
    known = then.at - before.at <= _GAP_SECONDS and then.answers >= before.answers
    return (before, then) if known else None


def _a_second(count: int, count_then: int, look: Kept, then: Kept) -> float:
    return max(0, count_then - count) / max(then.at - look.at, 0.001)
