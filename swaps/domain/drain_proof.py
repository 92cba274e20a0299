"""When is a version idle for good on one Envoy? Gauge flushes in, proven or not out.

An ACK says that Envoy's main thread took a route. Each of its workers follows when it
reaches the change in its own queue, which under load takes up to 100 ms, and until then it
sends requests by the old route. A metrics flush is the barrier that tells when all of them
have: Envoy first runs a step on every worker, behind whatever is queued there, waits for
all, and only then reads the gauges.
Source: envoy 1.40, source/server/server.cc, `InstanceBase::flushStats`, which calls
`ThreadLocalStoreImpl::mergeHistograms` (`runOnAllThreads` with a completion) first.

So, on one Envoy's metrics stream alone, with no clock compared:

1. A flush that shows the *marker* is the barrier: the main thread has taken the route, and
   every step it runs on the workers from now on comes behind that change. That flush may
   have visited the workers before the change did, so it does not count itself.
2. Then `FLUSHES_NEEDED` flushes in a row in which nothing is active or pending on the
   cluster. Two, because one may be read while a request is between pending and active.

The marker is the gauge `rds.<table>.version`: Envoy sets it to the xxh64 of the
`version_info` it took, so it names the exact revision and content.
Source: envoy 1.40, source/extensions/config_subscription/grpc/grpc_subscription_impl.cc.
"""

from collections.abc import Mapping
from dataclasses import dataclass

FLUSHES_NEEDED = 2


@dataclass(frozen=True, slots=True)
class ClusterInFlight:
    """One cluster's part of a flush. None: the flush does not hold that gauge."""

    active: int | None
    pending: int | None
    membership_total: int | None

    @property
    def requests(self) -> int | None:
        """Requests executing or waiting for a connection; None when that is unknown.

        Envoy leaves out a gauge that was never touched, so a missing one is zero, but
        only when the flush proves that it covers this cluster: `membership_total` is set
        when the cluster is made, so it is there whenever the cluster is.
        Source: envoy 1.40, `MetricsFlusher::flush` (`if (gauge.used())`).
        """
        if self.membership_total is None:
            return None
        return (self.active or 0) + (self.pending or 0)


@dataclass(frozen=True, slots=True)
class Flush:
    """One flush of one Envoy: version gauges by route table, gauges by cluster."""

    markers: Mapping[str, float]
    clusters: Mapping[str, ClusterInFlight]


@dataclass(frozen=True, slots=True)
class Question:
    """Is `cluster` idle, in flushes behind one that shows one of the `markers` of `table`?

    For a drain that is the table by which nothing reaches the cluster any more, and it must stand
    until the end. `until_seen`: is it idle, in flushes that began after it was asked? The marker is
    then of when it was asked; once a flush has shown one, all later flushes began after it too.
    """

    cluster: str
    table: str
    markers: frozenset[float]
    until_seen: bool = False

    def goes_on_from(self, earlier: "Question") -> bool:
        """Whether what was counted for `earlier`, by the same asker, counts for this one."""
        if self.until_seen and earlier.until_seen:
            return self.cluster == earlier.cluster
        return self == earlier


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the proof is on this stream. Each new stream starts with a new one."""

    barrier_passed: bool = False
    zero_flushes: int = 0
    # Flushes looked at since the question was asked; told with the proof.
    flushes: int = 0
    waiting_for: str = "the first flush of this node's metrics"

    @property
    def proven(self) -> bool:
        return self.zero_flushes >= FLUSHES_NEEDED


def observe(question: Question, progress: Progress, flush: Flush) -> Progress:
    """The progress after one more flush. Once proven it stays so.

    The caller must feed every flush of one stream, in order, and begin anew on another.
    """
    if progress.proven:
        return progress
    seen = progress.flushes + 1

    if not (question.until_seen and progress.barrier_passed):
        shown = flush.markers.get(question.table)
        if shown not in question.markers:
            # Also when the marker was there before: the node took another revision since,
            # and what was counted says nothing about that one.
            return Progress(False, 0, seen, _marker_missing(question.table, shown))
    if not progress.barrier_passed:
        return Progress(True, 0, seen, f"{FLUSHES_NEEDED} flushes that find it idle")

    cluster = flush.clusters.get(question.cluster)
    requests = cluster.requests if cluster is not None else None
    if requests is None:
        return Progress(
            True, 0, seen, f"its metrics do not cover {question.cluster}: unknown is not zero"
        )
    if requests > 0:
        noun = "request" if requests == 1 else "requests"
        return Progress(True, 0, seen, f"{requests} {noun} still in flight")
    zero = progress.zero_flushes + 1
    waiting_for = "" if zero >= FLUSHES_NEEDED else f"flush {zero + 1} of {FLUSHES_NEEDED}"
    return Progress(True, zero, seen, waiting_for)


def _marker_missing(table: str, shown: float | None) -> str:
    if shown is None:
        return f"its metrics do not show which revision of {table} it has"
    return f"it has not taken this revision of {table} yet"
