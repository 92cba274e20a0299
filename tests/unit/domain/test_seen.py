"""Whether a command is about the step that its author saw."""

from datetime import timedelta

import pytest

from swaps.domain.seen import UNSEEN, Seen, Standing, otherwise, passed_unseen, step_words
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy

S = SwapState
STEPS = parse_strategy(
    {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {"duration": 90}}]}
).steps
JUST_NOW = timedelta(milliseconds=50)


def standing(
    step_index: int = 3,
    *,
    generation: int = 8,
    state: SwapState = S.TRANSITIONING,
    here_for: timedelta = JUST_NOW,
) -> Standing:
    return Standing(generation, state, STEPS, step_index, here_for)


@pytest.mark.parametrize(
    "seen",
    [
        Seen(),
        Seen(generation=8),
        Seen(state=S.TRANSITIONING),
        Seen(step_index=3),
        Seen(generation=8, state=S.TRANSITIONING, step_index=3),
        Seen(generation=9),  # a problem was put on record since: nothing else happened
    ],
)
def test_what_was_seen_is_so(seen: Seen) -> None:
    assert otherwise(seen, standing()) == ""


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (
            Seen(step_index=1),
            "you saw it at step 2 of 5 (wait until promoted), and it stands at step 4 of 5",
        ),
        (Seen(generation=7), "you saw generation 7, and it went on to 8"),
        (Seen(state=S.LOADING_NEW_VERSION), "you saw LoadingNewVersion, and it is Transitioning"),
        (Seen(state=S.TRANSITIONING, step_index=1), "step 2 of 5"),
    ],
)
def test_what_was_seen_is_not_so_any_more(seen: Seen, words: str) -> None:
    assert words in otherwise(seen, standing())


def test_a_step_alone_is_none_where_there_are_no_steps() -> None:
    """The last weight is applied, then the old version drains: both have the same index."""
    draining = standing(5, state=S.OLD_VERSION_DRAINING)
    assert "name the state" in otherwise(Seen(step_index=5), draining)
    assert otherwise(Seen(step_index=5, state=S.OLD_VERSION_DRAINING), draining) == ""


def test_right_after_a_hold_the_next_one_was_seen_by_nobody() -> None:
    assert passed_unseen(standing(3)) == 1
    assert passed_unseen(standing(3, here_for=UNSEEN)) is None
    assert passed_unseen(standing(5, state=S.OLD_VERSION_DRAINING)) == 3


def test_the_first_hold_can_be_meant_at_once() -> None:
    assert passed_unseen(standing(1)) is None


def test_a_clock_that_stood_still_for_a_lock_has_seen_nothing() -> None:
    assert passed_unseen(standing(3, here_for=timedelta(seconds=-1))) == 1


def test_people_count_steps_from_one() -> None:
    assert step_words(STEPS, 0) == "step 1 of 5 (20 %)"
    assert step_words(STEPS, 3) == "step 4 of 5 (hold 90 s)"
    assert step_words(STEPS, 5) == "the end of its 5 steps"
