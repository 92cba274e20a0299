"""What a swap's kept samples say: its curve, and the requests and errors of each version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from swaps.models import SwapOperation, TrafficSample

# Which nodes were looked at, and their answers and errors so far.
type Look = tuple[str, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Side:
    """One version at a moment; None: not known."""

    in_flight: int | None
    errors_percent: float | None  # of the answers since the moment before; None without any
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Moment:
    at: datetime
    old: Side
    new: Side


@dataclass(frozen=True, slots=True)
class Tally:
    """Requests that were answered while samples were kept, and errors (5xx) among them.

    `complete` is false where for some of the time nobody knows: there were more, perhaps.
    """

    requests: int
    errors: int
    complete: bool

    @property
    def errors_percent(self) -> float | None:
        return round(100 * self.errors / self.requests, 2) if self.requests else None


@dataclass(frozen=True, slots=True)
class TrafficRecord:
    moments: tuple[Moment, ...]  # oldest first
    old: Tally | None  # None: nothing was counted twice
    new: Tally | None


def read_traffic_record(swap: SwapOperation) -> TrafficRecord:
    samples = list(TrafficSample.objects.filter(swap=swap))
    counted_old = [(one.nodes, one.old_answers, one.old_errors) for one in samples]
    counted_new = [(one.nodes, one.new_answers, one.new_errors) for one in samples]
    return TrafficRecord(
        tuple(
            Moment(
                one.at,
                Side(one.old_in_flight, old_errors, one.old_p95_ms),
                Side(one.new_in_flight, new_errors, one.new_p95_ms),
            )
            for one, old_errors, new_errors in zip(
                samples, _error_rates(counted_old), _error_rates(counted_new), strict=True
            )
        ),
        _tally(counted_old),
        _tally(counted_new),
    )


def _error_rates(looks: Sequence[Look]) -> list[float | None]:
    """At each look, the percentage of errors among the answers since the last that knew."""
    rates: list[float | None] = []
    before: tuple[str, int, int] | None = None
    for nodes, answers, errors in looks:
        rate = None
        if answers is not None and errors is not None:
            if before is not None and before[0] == nodes and answers > before[1]:
                rate = round(100 * (errors - before[2]) / (answers - before[1]), 2)
            before = (nodes, answers, errors)
        rates.append(rate)
    return rates


def _tally(looks: Sequence[Look]) -> Tally | None:
    """`looks`: oldest first. Counts only grow while the nodes are the same, so a look that knew
    nothing hides nothing.
    """
    known = [
        (nodes, answers, errors)
        for nodes, answers, errors in looks
        if answers is not None and errors is not None
    ]
    if len(known) < 2:
        return None
    requests = wrong = 0
    complete = True
    for (nodes, answers, errors), (nodes_then, answers_then, errors_then) in pairwise(known):
        if nodes == nodes_then and answers <= answers_then:
            requests, wrong = requests + answers_then - answers, wrong + errors_then - errors
        else:
            complete = False
    return Tally(requests, wrong, complete)
