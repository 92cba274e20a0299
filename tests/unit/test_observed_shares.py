"""Shares of traffic between two counts: known, or honestly not."""

import pytest

from swaps.engine.observed_traffic import shares


def test_shares_are_percents_of_what_was_answered_in_between() -> None:
    assert shares({"1.0": 100, "1.1": 0}, {"1.0": 175, "1.1": 25}) == {"1.0": 75.0, "1.1": 25.0}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, {"1.0": 1}),
        ({"1.0": 1}, None),
        ({"1.0": 5}, {"1.0": 5}),  # no answer in between
        ({"1.0": 50, "1.1": 0}, {"1.0": 3, "1.1": 4}),  # a node restarted and counts anew
    ],
)
def test_what_is_not_known_is_none(
    before: dict[str, int] | None, after: dict[str, int] | None
) -> None:
    assert shares(before, after) is None
