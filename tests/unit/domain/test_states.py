"""A state is one entry: what follows it, what is over, how it is shown."""

import pytest

from swaps.cli.drawing import STYLE_OF_STATE
from swaps.cli.exits import OF_STATE
from swaps.console.shared.template_tags import state_icon, tone
from swaps.domain.states import DRAINING_STATES, END_STATES, ENTRIES, Phase, SwapState, phase_of
from tests.documents import TOLD


def test_there_is_an_entry_for_each_state() -> None:
    assert ENTRIES.keys() == set(SwapState)


@pytest.mark.parametrize("state", SwapState)
def test_what_comes_if_all_is_well_may_follow_and_leads_to_an_end(state: SwapState) -> None:
    passed = []
    while state not in END_STATES:
        following = ENTRIES[state].then
        assert following in ENTRIES[state].follows
        assert following not in passed, "it goes in circles"
        passed.append(state := following)
    assert ENTRIES[state].then is None


@pytest.mark.parametrize("state", SwapState)
def test_an_end_is_told_apart_by_colour_icon_and_exit_code(state: SwapState) -> None:
    over = state in END_STATES
    assert (phase_of(state) is Phase.COMPLETED) is over
    alike = [one for one in SwapState if tone(one) == tone(state)]
    assert (alike == [state]) is over
    assert [one for one in SwapState if state_icon(one) == state_icon(state)] == alike
    # The command line, which knows nothing of the server, is held to the same.
    assert (state.value in OF_STATE) is over
    assert not over or state.value in STYLE_OF_STATE


@pytest.mark.parametrize("state", SwapState)
def test_the_handbook_tells_of_it(state: SwapState) -> None:
    assert (f"\n| {state} |" in TOLD) is (state not in END_STATES)
    assert state in TOLD


def test_what_drains_may_still_turn_its_traffic() -> None:
    assert DRAINING_STATES
    assert all(ENTRIES[state].traffic_may_turn for state in DRAINING_STATES)
