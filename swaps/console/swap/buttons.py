"""Which command buttons a swap's page shows: those its reader may press, or why not now."""

from collections.abc import Mapping
from dataclasses import dataclass

from swaps.access.roles import Actor, Role
from swaps.domain.commands import ENTRIES, Command, CommandEntry
from swaps.domain.states import END_STATES, SwapState


@dataclass(frozen=True, slots=True)
class Button:
    command: Command
    label: str
    dangerous: bool
    # They stand beside the drain; all others above all, and each in one place, whatever the state:
    # nothing jumps away from under a hand.
    beside_the_drain: bool
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
        Button(command, entry.label, entry.dangerous, entry.beside_the_drain, refusals.get(command))
        for command, entry in ENTRIES.items()
        if reader.may(command) and _belongs(entry, state, paused=paused)
    ]


def _belongs(entry: CommandEntry, state: SwapState, *, paused: bool) -> bool:
    """Buttons that could never be meant in this state are left out, not greyed."""
    if state in END_STATES:
        return entry.begins_another and state is SwapState.COMPLETED
    return entry.offered(state, paused)
