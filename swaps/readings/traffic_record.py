"""What a swap's kept samples say: its curve, and the requests and errors of each version."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from swaps.models import SwapOperation, TrafficSample


@dataclass(frozen=True, slots=True)
class Moment:
    """Requests in flight then; None: not known."""

    at: datetime
    old: int | None
    new: int | None


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
    return TrafficRecord(
        tuple(Moment(one.at, one.old_in_flight, one.new_in_flight) for one in samples),
        _tally([(one.nodes, one.old_answers, one.old_errors) for one in samples]),
        _tally([(one.nodes, one.new_answers, one.new_errors) for one in samples]),
    )


def _tally(looks: Sequence[tuple[str, int | None, int | None]]) -> Tally | None:
    """`looks`: which nodes were looked at, their answers and errors so far; oldest first.

    Counts only grow while the nodes are the same, so a look that knew nothing hides nothing.
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
