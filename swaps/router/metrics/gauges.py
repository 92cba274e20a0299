"""One Envoy's metrics stream: flushes to warmth, drain proofs and live gauges. No network."""

import math
import re
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from swaps.domain.drain_proof import ClusterInFlight, Flush, Progress, Question, observe
from swaps.live.gauges import ClusterGauges
from swaps.router.metrics.messages import COUNTER, GAUGE
from swaps.router.port import ClusterSeen, Proven, Report

_MARKER = re.compile(r"\.rds\.([^.]+)\.version$")
_PINNED = re.compile(r"\.route\.pinned_(hs_\d+)\.upstream_rq_total$")
_CLUSTER = re.compile(r"^cluster\.(hs_(\d+))\.([a-z0-9_]+)$")
_FIELD = {
    "upstream_rq_active": "active",
    "upstream_rq_pending_active": "pending",
    "membership_healthy": "healthy",
    "membership_total": "total",
    "upstream_rq_2xx": "rq_2xx",
    "upstream_rq_4xx": "rq_4xx",
    "upstream_rq_5xx": "rq_5xx",
}
COUNTERS = {"rq_2xx", "rq_4xx", "rq_5xx", "pinned"}
LATENCY = "upstream_rq_time"
# A removed cluster's totals are published so many times more: a swap's record reads them after
# its end.
GONE_PERIODS = 20
# Percentiles of the live page cover this many publications (a quarter of a second each).
LATENCY_PERIODS = 20

# (cluster, field) of a gauge or counter; (table, None) of a marker; None: not ours.
_Place = tuple[str, str | None] | None


@dataclass(slots=True)
class ParsedFlush:
    """One message of the stream, by table and by cluster."""

    markers: dict[str, float] = field(default_factory=dict)
    clusters: dict[str, dict[str, int]] = field(default_factory=dict)
    latencies: dict[str, Any] = field(default_factory=dict)

    def in_flight(self) -> Flush:
        return Flush(
            self.markers,
            {
                name: ClusterInFlight(
                    gauges.get("active"), gauges.get("pending"), gauges.get("total")
                )
                for name, gauges in self.clusters.items()
            },
        )


_PLACES_SPARE = 1000


class FlushParser:
    """Remembers where each name belongs, and the flush before: at 200 flushes a second that is
    most of the work.
    """

    def __init__(self) -> None:
        self._places: dict[str, _Place] = {}
        self._message: Any = None
        self._flush = ParsedFlush()

    def parse(self, message: Any) -> ParsedFlush:
        """Not to be changed: it is the same as before while the node says the same."""
        # What we do not describe is the time of each value, and that differs each time.
        message.DiscardUnknownFields()
        if message != self._message:
            self._message, self._flush = message, self._parse(message)
        return self._flush

    def _parse(self, message: Any) -> ParsedFlush:
        flush = ParsedFlush()
        for family in message.envoy_metrics:
            name = family.name
            try:
                place = self._places[name]
            except KeyError:
                place = self._places[name] = _place_of(name)
            if place is None:
                continue
            owner, what = place
            metric = family.metric[0]
            if what is None:
                flush.markers[owner] = metric.gauge.value
            elif what == LATENCY:
                if metric.histogram.sample_count:  # of this interval: most clusters have none
                    flush.latencies[owner] = metric.histogram
            else:
                kind = family.type
                if kind == GAUGE:
                    value = metric.gauge.value
                elif kind == COUNTER:
                    value = metric.counter.value
                else:
                    continue
                flush.clusters.setdefault(owner, {})[what] = int(value)
        if len(self._places) > 2 * len(message.envoy_metrics) + _PLACES_SPARE:
            # Clusters come and go for as long as the process lives, each with names of its own.
            present = {family.name for family in message.envoy_metrics}
            self._places = {name: at for name, at in self._places.items() if name in present}
        return flush


def _place_of(name: str) -> _Place:
    # By its end: the prefix is that of whichever listener subscribed to the table first.
    marker = _MARKER.search(name)
    if marker:
        return marker[1], None
    pinned = _PINNED.search(name)
    if pinned:
        return pinned[1], "pinned"
    cluster = _CLUSTER.match(name)
    if not cluster:
        return None
    if cluster[3] == LATENCY:
        return cluster[1], LATENCY
    known = _FIELD.get(cluster[3])
    return (cluster[1], known) if known else None


class NodeGauges:
    """One stream of one incarnation. Counting starts anew with each."""

    def __init__(self, nonce: str) -> None:
        self.nonce = nonce
        self.stream = uuid.uuid4()
        self._progress: dict[str, tuple[Question, Progress]] = {}
        self._members: dict[str, tuple[int, int]] = {}
        self._latencies = LatencyWindow()
        self._last = ParsedFlush()
        # The last counters of clusters that were removed, and how often they are still told.
        self._gone: dict[str, tuple[dict[str, int], int]] = {}

    def on_flush(self, parsed: ParsedFlush, questions: Mapping[str, Question]) -> list[Report]:
        """What this flush is worth telling: warmth that changed, proofs that are complete."""
        reports: list[Report] = [*self._membership(parsed)]
        if questions:
            reports += self._proofs(parsed.in_flight(), questions)
        elif self._progress:
            self._progress.clear()
        for cluster, histogram in parsed.latencies.items():
            self._latencies.add(cluster, histogram)
        for name in self._last.clusters.keys() - parsed.clusters.keys():
            counters = {k: v for k, v in self._last.clusters[name].items() if k in COUNTERS}
            self._gone[name] = (counters, GONE_PERIODS)
            self._members.pop(name, None)
        self._last = parsed
        return reports

    def tell_again(self) -> list[Report]:
        """The proofs that stand, for rows that may be lost; members come with the next flush."""
        self._members.clear()
        return [
            Proven(self.nonce, self.stream, watch, progress.flushes)
            for watch, (_, progress) in self._progress.items()
            if progress.proven
        ]

    def waiting_for(self) -> dict[str, str]:
        """By watch, why it is not proven yet."""
        return {w: p.waiting_for for w, (_, p) in self._progress.items() if not p.proven}

    def gauges(self) -> dict[str, ClusterGauges]:
        """For the live pages. Counters are cumulative since the node started."""
        percentiles = self._latencies.percentiles()
        gone = {name: counters for name, (counters, _) in self._gone.items()}
        self._gone = {name: (c, left - 1) for name, (c, left) in self._gone.items() if left > 1}
        return {
            name: ClusterGauges(**gauges, **percentiles.get(name, {}))  # type: ignore[typeddict-item]
            for name, gauges in (gone | self._last.clusters).items()
        }

    def _membership(self, parsed: ParsedFlush) -> list[ClusterSeen]:
        seen = []
        for name, gauges in parsed.clusters.items():
            total = gauges.get("total")
            if total is None:
                continue
            members = (gauges.get("healthy", 0), total)
            if self._members.get(name) != members:
                self._members[name] = members
                seen.append(ClusterSeen(self.nonce, int(name.removeprefix("hs_")), *members))
        return seen

    def _proofs(self, flush: Flush, questions: Mapping[str, Question]) -> list[Proven]:
        proofs = []
        for closed in self._progress.keys() - questions.keys():
            del self._progress[closed]
        for watch, question in questions.items():
            asked, before = self._progress.get(watch, (question, Progress()))
            if not question.goes_on_from(asked):
                before = Progress()
            after = observe(question, before, flush)
            self._progress[watch] = (question, after)
            if after.proven and not before.proven:
                proofs.append(Proven(self.nonce, self.stream, watch, after.flushes))
        return proofs


class LatencyWindow:
    """Request times of the last seconds by cluster, from the histograms of each interval."""

    def __init__(self) -> None:
        self._edges: set[float] = set()
        self._present: dict[str, dict[float, int]] = {}
        self._periods: deque[dict[str, dict[float, int]]] = deque(maxlen=LATENCY_PERIODS)

    def add(self, cluster: str, histogram: Any) -> None:
        counts = self._present.setdefault(cluster, {})
        below = 0
        for bucket in histogram.bucket:
            self._edges.add(bucket.upper_bound)
            here = bucket.cumulative_count - below
            below = bucket.cumulative_count
            if here > 0:
                counts[bucket.upper_bound] = counts.get(bucket.upper_bound, 0) + here
        beyond = histogram.sample_count - below
        if beyond > 0:
            counts[float("inf")] = counts.get(float("inf"), 0) + beyond

    def percentiles(self) -> dict[str, dict[str, float]]:
        """Ends a period; p50, p95 and p99 in ms, as near as Envoy's buckets tell them."""
        self._periods.append(self._present)
        self._present = {}
        merged: dict[str, dict[float, int]] = {}
        for period in self._periods:
            for cluster, counts in period.items():
                into = merged.setdefault(cluster, {})
                for bound, count in counts.items():
                    into[bound] = into.get(bound, 0) + count
        edges = sorted(self._edges)
        return {cluster: _percentiles(counts, edges) for cluster, counts in merged.items()}


def _percentiles(counts: Mapping[float, int], edges: Sequence[float]) -> dict[str, float]:
    """`edges`: every bucket's upper bound, so that a bucket's lower one is known.

    Within a bucket requests are taken as evenly spread. What lies above the last bound is left
    out, and that bound given instead: it is no measurement.
    """
    total = sum(counts.values())
    found: dict[str, float] = {}
    for label, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        below = 0
        for bound in sorted(counts):
            here = counts[bound]
            if below + here < share * total:
                below += here
                continue
            if math.isinf(bound):
                found["over_ms"] = max(edges, default=0.0)
            else:
                floor = max((edge for edge in edges if edge < bound), default=0.0)
                found[label] = round(floor + (bound - floor) * (share * total - below) / here, 3)
            break
    return found
