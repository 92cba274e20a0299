"""The states of a swap: one entry each, and which may follow which."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StateEntry:
    """What a state says of itself: all that engine, readings and console know of it, beside what is
    done in it (`next_step`).
    """

    follows: frozenset[SwapState]  # the states that may come next; none: an end
    then: SwapState | None  # the one that comes if all is well
    # How the steps of its strategy stand; "cut-short": what was not passed by then is skipped.
    steps: Literal["pending", "current", "done", "cut-short", "skipped"]
    drains: bool = False  # a version is to become idle
    traffic_may_turn: bool = False  # both versions may be sent requests
    # Of an end: how it is coloured, and its icon; the word says the same.
    tone: Literal["running", "success", "danger", "warning", "neutral"] = "running"
    icon: str = "now"


ENTRIES: Mapping[SwapState, StateEntry] = {
    _S.NOT_STARTED: StateEntry(
        follows=frozenset({_S.LOADING_NEW_VERSION, _S.FAILED, _S.CANCELLED}),
        then=_S.LOADING_NEW_VERSION,
        steps="pending",
    ),
    _S.LOADING_NEW_VERSION: StateEntry(
        follows=frozenset({_S.TRANSITIONING, _S.ROLLING_BACK, _S.FAILED, _S.CANCELLED}),
        then=_S.TRANSITIONING,
        steps="pending",
    ),
    _S.TRANSITIONING: StateEntry(
        follows=frozenset({_S.OLD_VERSION_DRAINING, _S.ROLLING_BACK}),
        then=_S.OLD_VERSION_DRAINING,
        steps="current",
        traffic_may_turn=True,
    ),
    _S.OLD_VERSION_DRAINING: StateEntry(
        follows=frozenset({_S.COMPLETED, _S.ROLLING_BACK}),
        then=_S.COMPLETED,
        steps="done",
        drains=True,
        traffic_may_turn=True,
    ),
    _S.ROLLING_BACK: StateEntry(
        follows=frozenset({_S.ROLLED_BACK, _S.FAILED, _S.OLD_VERSION_DRAINING}),
        then=_S.ROLLED_BACK,
        steps="cut-short",
        drains=True,
        traffic_may_turn=True,
    ),
    _S.COMPLETED: StateEntry(
        follows=frozenset(), then=None, steps="done", tone="success", icon="done"
    ),
    _S.FAILED: StateEntry(
        follows=frozenset(), then=None, steps="cut-short", tone="danger", icon="failed"
    ),
    _S.ROLLED_BACK: StateEntry(
        follows=frozenset(), then=None, steps="cut-short", tone="warning", icon="back"
    ),
    _S.CANCELLED: StateEntry(
        follows=frozenset(), then=None, steps="skipped", tone="neutral", icon="stopped"
    ),
}

END_STATES = frozenset(state for state, entry in ENTRIES.items() if not entry.follows)
OPEN_STATES = frozenset(SwapState) - END_STATES
DRAINING_STATES = frozenset(state for state, entry in ENTRIES.items() if entry.drains)


class ImpossibleTransition(Exception):
    """A state that may not follow the one that a swap is in: a fault of ours, and not written."""


def require_transition(before: SwapState, after: SwapState) -> None:
    """Raises ImpossibleTransition."""
    if after not in ENTRIES[before].follows:
        raise ImpossibleTransition(f"a swap goes from {before} to no {after}")


def phase_of(state: SwapState) -> Phase:
    if state in END_STATES:
        return Phase.COMPLETED
    return Phase.PENDING if state is _S.NOT_STARTED else Phase.IN_PROGRESS
