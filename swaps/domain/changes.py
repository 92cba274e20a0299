"""What a step changes of a swap, as data in the words of its snapshot; and what such data is.

What a command changes is in its entry (`swaps.domain.commands`), in the same words.

The engine writes it to the swap's row and the simulation applies it to its own, so that what the
simulation proves is what the engine does. A moment is left to whoever writes: `FromNow`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from swaps.domain.decisions import MoveTo, PassReturn, Proceed, RouteChange
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import SwapState

_S = SwapState

type Changes = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FromNow:
    """A moment by the clock of whoever writes it, `after` the write."""

    after: timedelta = timedelta()
    # A field of the snapshot: counted from what stands there, where that is later than now.
    or_from: str = ""
    # Another: never before what stands there.
    not_before: str = ""


NOW = FromNow()

# What was asked or proven for one direction is void in the other. Who forces one version out has
# said nothing about the other, and a request that is honoured must not be found again.
_TURNED_ROUND: Changes = {
    "abort": "",
    "roll_forward": False,
    "forced_by": "",
    "bake_ended": False,
    "drained_at": None,
}


def of_move(s: Snapshot, step: MoveTo) -> Changes:
    changes: dict[str, object] = {"state": step.state, "step_entered_at": NOW}
    match step.state:
        case _S.LOADING_NEW_VERSION if s.swap_timeout is not None:
            # What it waited before, for its turn and for people, is not its own time.
            changes["swap_deadline"] = FromNow(s.swap_timeout)
        case _S.OLD_VERSION_DRAINING:
            changes["drain_deadline"] = FromNow(s.drain_timeout)
            if s.state is _S.ROLLING_BACK:
                changes |= {**_TURNED_ROUND, "failure": "", "swap_deadline": None}
        case _S.ROLLING_BACK:
            changes |= {**_TURNED_ROUND, "failure": step.failure, "reloading": False}
    if step.step_index is not None:
        changes["step_index"] = step.step_index
    return changes | _of_route(s, step.route)


def of_proceed(s: Snapshot, step: Proceed) -> Changes:
    changes: dict[str, object] = {"step_entered_at": NOW}
    if step.step_index is not None:
        changes["step_index"] = step.step_index
    if step.drained:
        changes["drained_at"] = NOW
    if step.reload is not None:
        changes |= {"reloading": step.reload, "reloads": s.reloads + step.reload}
    return changes | _of_route(s, step.route)


def of_return(s: Snapshot, step: PassReturn) -> Changes:
    """The unload's call follows this very commit."""
    return {
        "step_entered_at": NOW,
        "past_return": True,
        "drained_at": s.drained_at or NOW,
        "unload_called_at": NOW,
    }


def _of_route(s: Snapshot, route: RouteChange | None) -> dict[str, object]:
    if route is None:
        return {}
    watched = {"drain_deadline": FromNow(s.drain_timeout)} if route.watch else {}
    return {"routed": True, **watched}
