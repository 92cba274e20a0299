"""The strip of states across a swap's page: where it was, is, and will go if all is well."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from swaps.domain.states import END_STATES, SwapState

_S = SwapState
_FORTH = (
    _S.NOT_STARTED,
    _S.LOADING_NEW_VERSION,
    _S.TRANSITIONING,
    _S.OLD_VERSION_DRAINING,
    _S.COMPLETED,
)

ICONS = {
    _S.COMPLETED: "done",
    _S.FAILED: "failed",
    _S.ROLLED_BACK: "back",
    _S.CANCELLED: "stopped",
}
# How an end is coloured; the icon and the word say the same.
OUTCOMES = {
    _S.COMPLETED: "success",
    _S.FAILED: "danger",
    _S.ROLLED_BACK: "warning",
    _S.CANCELLED: "neutral",
}


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
            ended = visit.state in END_STATES
            icon = ICONS[visit.state] if ended else "now"
            outcome = OUTCOMES[visit.state] if ended else ""
            marks.append(Mark(visit.state, "now", icon, outcome, visit.entered))
        else:
            lasted = following.entered - visit.entered
            marks.append(Mark(visit.state, "done", "done", "", visit.entered, lasted))
    return marks + [Mark(state, "next", "next") for state in _to_come(visits[-1].state, gave_up)]


def _to_come(state: SwapState, gave_up: bool) -> tuple[SwapState, ...]:
    if state in END_STATES:
        return ()
    if state is _S.ROLLING_BACK:
        return (_S.FAILED if gave_up else _S.ROLLED_BACK,)
    return _FORTH[_FORTH.index(state) + 1 :]
