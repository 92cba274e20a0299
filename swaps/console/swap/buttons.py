"""Which command buttons a swap's page shows: those its reader may press, or why not now."""

from collections.abc import Mapping
from dataclasses import dataclass

from swaps.access.roles import Actor, Role
from swaps.console.swap.confirmations import ACTIONS, DANGEROUS, LABELS
from swaps.domain.commands import Command
from swaps.domain.states import END_STATES, SwapState

# They stand beside the drain; all others above all, and each in one place, whatever the state:
# nothing jumps away from under a hand.
OF_A_DRAIN = {Command.EXTEND_DRAIN, Command.FORCE_UNLOAD}


@dataclass(frozen=True, slots=True)
class Button:
    command: Command
    label: str
    dangerous: bool
    refusal: str | None  # why it cannot be pressed now

    @property
    def beside_the_drain(self) -> bool:
        return self.command in OF_A_DRAIN


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
