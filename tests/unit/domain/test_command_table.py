"""The command table of the design, cell by cell."""

import pytest

from swaps.domain.commands import ENTRIES, Accepted, Command, NewSwap, NotPossible, Place
from swaps.domain.states import OPEN_STATES, SwapState
from tests.unit.domain.command_table import COLUMNS, cells


def _word(command: Command, state: SwapState, past_return: bool) -> str:
    match ENTRIES[command].check(Place(state, past_return)):
        case Accepted(already):
            return "same" if already else "yes"
        case NewSwap():
            return "new"
        case NotPossible(reason, retry):
            assert reason, "a refusal says why"
            if retry:
                return "soon"
            return "back" if "roll back instead" in reason else "no"


@pytest.mark.parametrize(("command", "column", "expected"), cells())
def test_the_table(command: str, column: str, expected: str) -> None:
    states, past_return = COLUMNS[column]
    assert {_word(Command(command), state, past_return) for state in states} == {expected}


def test_the_table_has_every_command_and_every_state() -> None:
    assert {command for command, _, _ in cells()} == set(Command)
    assert {column for _, column, _ in cells()} == set(COLUMNS)
    assert {state for states, _ in COLUMNS.values() for state in states} == set(SwapState)


@pytest.mark.parametrize("state", sorted(OPEN_STATES))
def test_an_open_swap_can_always_be_taken_back_before_the_point_of_no_return(
    state: SwapState,
) -> None:
    assert isinstance(ENTRIES[Command.ROLLBACK].check(Place(state)), Accepted)
