"""The strip of states across a swap's page: where it was, is, and will go if all is well."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from swaps.domain.states import END_STATES, ENTRIES, SwapState

_S = SwapState


@dataclass(frozen=True, slots=True)
class Visit:
    """A state the swap entered, and when."""

    state: SwapState
    entered: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    state: SwapState
    place: str  # done, now, next
    icon: str
    outcome: str = ""  # for ends
    entered: datetime | None = None
    lasted: timedelta | None = None


def state_strip(visits: Sequence[Visit], *, gave_up: bool = False) -> list[Mark]:
    """`visits` in order, the last is the present state; `gave_up`: its end will be Failed.

    A state that was entered twice (rolled back, then forward) stands where it was last.
    """
    marks: list[Mark] = []
    for visit, following in zip(visits, [*visits[1:], None], strict=True):
        marks = [mark for mark in marks if mark.state is not visit.state]
        if following is None:
            entry = ENTRIES[visit.state]
            outcome = entry.tone if visit.state in END_STATES else ""
            marks.append(Mark(visit.state, "now", entry.icon, outcome, visit.entered))
        else:
            lasted = following.entered - visit.entered
            marks.append(Mark(visit.state, "done", "done", "", visit.entered, lasted))
    return marks + [Mark(state, "next", "next") for state in _to_come(visits[-1].state, gave_up)]


def _to_come(state: SwapState, gave_up: bool) -> Iterator[SwapState]:
    following = ENTRIES[state].then
    while following is not None:
        yield _S.FAILED if gave_up and following is _S.ROLLED_BACK else following
        following = ENTRIES[following].then
