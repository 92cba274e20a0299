"""One cell of the matrix: a fault at a moment, and what became of it."""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from tests.system.faults import witness
from tests.system.faults.moments import MOMENTS, Moment, end_of
from tests.system.faults.witness import MixedTraffic
from tests.system.fleet import Fleet

END_SECONDS = 150.0
# A host that died takes the calls that it was executing with it, and no later ones.
HOST_BREATH_NS = 500_000_000
ENDS = {"Completed", "Failed", "RolledBack", "Cancelled"}


def name_of(row: str, fault: str, moment: str) -> str:
    """Of a cell, as the record keeps it."""
    return f"{row} · {fault} · {moment}"


@dataclass
class Result:
    row: str  # the process, or the trouble
    fault: str
    moment: str
    end: str = ""
    asks: str = ""  # what the operator reads, where it waits for one
    sent: int = 0
    lost: int = 0
    lost_with_it: int = 0
    seconds: float = 0.0  # from the end of the hold to the end of the swap
    problems: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return name_of(self.row, self.fault, self.moment)

    @property
    def good(self) -> bool:
        return not self.problems and not self.lost

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"good": self.good}


# What is done to a fleet. It calls its argument once, as soon as the fault is there, and returns
# when it is over: (began, over), in ns, is when calls through the process hit may be lost.
Hit = Callable[[Fleet, Callable[[], None]], None]


@dataclass(frozen=True)
class Cell:
    row: str
    fault: str
    moment: str
    hit: Hit
    # The part of the data path that is hit: "router", "host" or none.
    on_the_way: str = ""
    also_right: frozenset[str] = frozenset()  # ends that are right besides the usual one

    @property
    def name(self) -> str:
        return name_of(self.row, self.fault, self.moment)

    def run(self, fleet: Fleet, traffic: MixedTraffic) -> Result:
        result = Result(self.row, self.fault, self.moment)
        traffic.flows()
        since_ns = time.time_ns()
        moment = MOMENTS[self.moment](fleet)
        hit_ns = time.time_ns()
        released: list[float] = []
        letting_go = threading.Thread(target=self._let_go, args=(moment, released))
        self.hit(fleet, letting_go.start)
        over_ns = time.time_ns()
        ends = [end_of(fleet, swap_id, END_SECONDS) for swap_id, _ in moment.swaps]
        letting_go.join()
        result.seconds = time.monotonic() - released[0]
        result.end = str(ends[-1]["state"])
        self._judge_ends(result, moment, ends)
        try:
            self._judge_the_rest(fleet, result, moment, ends[-1])
        except (httpx.HTTPError, AssertionError) as error:
            result.problems.append(f"{type(error).__name__}: {str(error)[:300]}")
        self._count(result, traffic, moment, since_ns, self._excused(hit_ns, over_ns))
        return result

    def _let_go(self, moment: Moment, released: list[float]) -> None:
        released.append(time.monotonic())
        moment.let_go()

    def _excused(self, hit_ns: int, over_ns: int) -> tuple[int, int] | None:
        match self.on_the_way:
            case "router":
                return hit_ns - 60 * 10**9, over_ns + HOST_BREATH_NS
            case "host":
                return hit_ns - 60 * 10**9, hit_ns + HOST_BREATH_NS
        return None

    def _judge_ends(self, result: Result, moment: Moment, ends: list[dict[str, object]]) -> None:
        for (_, right), end in zip(moment.swaps, ends, strict=True):
            state = str(end["state"])
            if state == right or state in self.also_right:
                continue
            if state in ENDS:
                result.problems.append(f"{state} instead of {right}: {end['error_message']}")
            else:
                result.asks = str(end.get("waiting_for") or "")
                result.problems.append(f"still {state}: {result.asks or 'without a word'}")

    def _judge_the_rest(
        self, fleet: Fleet, result: Result, moment: Moment, last: dict[str, object]
    ) -> None:
        serving = last["to_version"] if last["state"] == "Completed" else last["from_version"]
        winner = str(serving)
        loser = moment.loser if winner == moment.winner else moment.winner
        wrong = witness.serves_alone(fleet, moment.model, winner)
        result.problems += [wrong] if wrong else []
        result.problems += witness.left_behind(fleet, moment.model, loser)
        if not moment.past_the_router:
            result.problems += witness.unloaded_too_early(fleet, moment.model, loser)
        tampered = witness.audit_is_whole(fleet)
        result.problems += [f"audit: {tampered}"] if tampered else []

    def _count(
        self,
        result: Result,
        traffic: MixedTraffic,
        moment: Moment,
        since_ns: int,
        excused: tuple[int, int] | None,
    ) -> None:
        losses = traffic.losses(since_ns, excused)
        result.sent, result.lost, result.lost_with_it = losses.sent, losses.elsewhere, losses.on_it
        result.failures = losses.words
        for request in (*moment.held, *moment.past_the_router):
            status = request.release()
            result.sent += 1
            if status == 200:
                continue
            if self.on_the_way:
                result.lost_with_it += 1
            else:
                result.lost += 1
                result.failures.append(f"{status} of a call that was half sent")
