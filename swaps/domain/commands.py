"""What people may ask of a swap, and in which state: the command table."""

from dataclasses import dataclass
from enum import StrEnum
from typing import assert_never

from swaps.domain.states import END_STATES, SwapState


class Command(StrEnum):
    CANCEL = "cancel"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    EXTEND_DRAIN = "extend-drain"
    FORCE_UNLOAD = "force-unload"
    ROLL_FORWARD = "roll-forward"


@dataclass(frozen=True, slots=True)
class Accepted:
    """`already`: the swap is doing that; nothing changes and the answer is the same."""

    already: bool = False


@dataclass(frozen=True, slots=True)
class NewSwap:
    """Rolling back what is completed: a new swap in the other direction."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    reason: str
    # The swap will soon be in a state that allows it.
    retry: bool = False


CommandCheck = Accepted | NewSwap | NotPossible

_S = SwapState


def check_command(command: Command, state: SwapState, *, past_return: bool) -> CommandCheck:
    """Whether `command` is possible in `state`; `past_return`: the point of no return is behind."""
    past = state is _S.OLD_VERSION_DRAINING and past_return
    not_now = NotPossible(f"{command} is not possible in {state}")
    match command:
        case Command.CANCEL:
            if state in {_S.NOT_STARTED, _S.LOADING_NEW_VERSION}:
                return Accepted()
            if state is _S.TRANSITIONING or (state is _S.OLD_VERSION_DRAINING and not past):
                return NotPossible("traffic has moved already: roll back instead")
            return not_now
        case Command.ROLLBACK:
            return _rollback(state, past=past)
        case Command.PAUSE | Command.RESUME:
            return Accepted() if state is _S.TRANSITIONING else not_now
        case Command.PROMOTE:
            if state is _S.TRANSITIONING or (state is _S.OLD_VERSION_DRAINING and not past):
                return Accepted()
            return not_now
        case Command.EXTEND_DRAIN | Command.FORCE_UNLOAD:
            if (state is _S.ROLLING_BACK and not past_return) or (
                state is _S.OLD_VERSION_DRAINING and not past
            ):
                return Accepted()
            return not_now
        case Command.ROLL_FORWARD:
            if state is _S.ROLLING_BACK and past_return:
                return NotPossible("the new version is being unloaded: start a new swap")
            return Accepted() if state is _S.ROLLING_BACK else not_now
        case _:
            assert_never(command)


def _rollback(state: SwapState, *, past: bool) -> CommandCheck:
    if past:
        return NotPossible(
            "the old version is being unloaded; once the swap is completed, roll it back",
            retry=True,
        )
    if state is _S.COMPLETED:
        return NewSwap()
    if state is _S.ROLLING_BACK:
        return Accepted(already=True)
    if state in END_STATES:
        return NotPossible(
            f"the swap is over ({state}) and the old version serves: nothing to roll back"
        )
    return Accepted()
