"""The states of a swap, and which may follow which."""

from enum import StrEnum


class SwapState(StrEnum):
    """Names are part of the API: clients and the console show exactly these."""

    NOT_STARTED = "NotStarted"
    LOADING_NEW_VERSION = "LoadingNewVersion"
    TRANSITIONING = "Transitioning"
    OLD_VERSION_DRAINING = "OldVersionDraining"
    ROLLING_BACK = "RollingBack"
    COMPLETED = "Completed"
    FAILED = "Failed"
    ROLLED_BACK = "RolledBack"
    CANCELLED = "Cancelled"


class Phase(StrEnum):
    """What a caller who only wants "is it over?" looks at."""

    PENDING = "pending"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


_S = SwapState

END_STATES = frozenset({_S.COMPLETED, _S.FAILED, _S.ROLLED_BACK, _S.CANCELLED})
OPEN_STATES = frozenset(SwapState) - END_STATES

TRANSITIONS: dict[SwapState, frozenset[SwapState]] = {
    _S.NOT_STARTED: frozenset({_S.LOADING_NEW_VERSION, _S.FAILED, _S.CANCELLED}),
    _S.LOADING_NEW_VERSION: frozenset({_S.TRANSITIONING, _S.ROLLING_BACK, _S.FAILED, _S.CANCELLED}),
    _S.TRANSITIONING: frozenset({_S.OLD_VERSION_DRAINING, _S.ROLLING_BACK}),
    _S.OLD_VERSION_DRAINING: frozenset({_S.COMPLETED, _S.ROLLING_BACK}),
    _S.ROLLING_BACK: frozenset({_S.ROLLED_BACK, _S.FAILED, _S.OLD_VERSION_DRAINING}),
    **{end: frozenset() for end in END_STATES},
}


class ImpossibleTransition(Exception):
    """A state that may not follow the one that a swap is in: a fault of ours, and not written."""


def require_transition(before: SwapState, after: SwapState) -> None:
    """Raises ImpossibleTransition."""
    if after not in TRANSITIONS[before]:
        raise ImpossibleTransition(f"a swap goes from {before} to no {after}")


def phase_of(state: SwapState) -> Phase:
    if state in END_STATES:
        return Phase.COMPLETED
    return Phase.PENDING if state is _S.NOT_STARTED else Phase.IN_PROGRESS
