"""Which command buttons a swap's page shows: those its reader may press, or why not now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from swaps.access.roles import Actor, Role
from swaps.console.swap.confirmations import ACTIONS, DANGEROUS, LABELS
from swaps.domain.commands import Command
from swaps.domain.states import END_STATES, SwapState

OF_A_DRAIN = {
    Command.EXTEND_DRAIN,
    Command.ROLLBACK,
    Command.ROLL_FORWARD,
    Command.FORCE_UNLOAD,
}


@dataclass(frozen=True, slots=True)
class Button:
    command: Command
    label: str
    dangerous: bool
    refusal: str | None  # why it cannot be pressed now


def buttons(
    role: Role | None,
    state: SwapState,
    refusals: Mapping[str, str | None],
    *,
    paused: bool,
) -> list[Button]:
    """`refusals`: by command, why it is not possible now, or None when it is."""
    reader = Actor("", role, "console")
    return [
        Button(command, LABELS[command], command in DANGEROUS, refusals.get(command.value))
        for command in LABELS
        if reader.may(ACTIONS[command]) and _belongs(command, state, paused=paused)
    ]


def drain_buttons(shown: Sequence[Button], state: SwapState) -> list[Button]:
    """Those of the shown that are about a drain, while something drains."""
    if state not in {SwapState.OLD_VERSION_DRAINING, SwapState.ROLLING_BACK}:
        return []
    return [button for button in shown if button.command in OF_A_DRAIN]


def _belongs(command: Command, state: SwapState, *, paused: bool) -> bool:
    """Buttons that could never be meant in this state are left out, not greyed."""
    if state in END_STATES:
        return command is Command.ROLLBACK and state is SwapState.COMPLETED
    match command:
        case Command.PAUSE:
            return not paused
        case Command.RESUME:
            return paused
        case Command.ROLL_FORWARD:
            return state is SwapState.ROLLING_BACK
        case Command.ROLLBACK:
            return state is not SwapState.ROLLING_BACK
        case Command.CANCEL:
            return state is not SwapState.ROLLING_BACK
        case _:
            return True
