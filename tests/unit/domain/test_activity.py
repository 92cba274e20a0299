"""Which versions are active, over the whole life of a swap 1.0 → 1.1."""

from typing import Any

import pytest

from swaps.domain.activity import Undecided, active_versions
from swaps.domain.states import SwapState

S = SwapState
OLD, NEW = {"1.0": 100}, {"1.1": 100}


def a_swap(state: SwapState, **changes: Any) -> Undecided:
    usual = {"routed": state not in {S.NOT_STARTED, S.LOADING_NEW_VERSION}, "past_return": False}
    return Undecided("1.0", "1.1", state, **(usual | changes))


@pytest.mark.parametrize(
    ("weights", "swap", "active"),
    [
        (OLD, None, {"1.0"}),
        ({}, None, set()),
        (OLD, a_swap(S.NOT_STARTED), {"1.0"}),
        (OLD, a_swap(S.LOADING_NEW_VERSION), {"1.0"}),
        ({"1.0": 75, "1.1": 25}, a_swap(S.TRANSITIONING), {"1.0", "1.1"}),
        (NEW, a_swap(S.OLD_VERSION_DRAINING), {"1.0", "1.1"}),
        (NEW, a_swap(S.OLD_VERSION_DRAINING, past_return=True), {"1.1"}),
        (NEW, a_swap(S.COMPLETED), {"1.1"}),
        # Before the way back is routed, after it, and once the new version may be unloaded.
        (NEW, a_swap(S.ROLLING_BACK), {"1.0", "1.1"}),
        (OLD, a_swap(S.ROLLING_BACK), {"1.0", "1.1"}),
        (OLD, a_swap(S.ROLLING_BACK, past_return=True), {"1.0"}),
        # Rolled back while it loaded: it never had weight.
        (OLD, a_swap(S.ROLLING_BACK, routed=False), {"1.0"}),
        (OLD, a_swap(S.ROLLED_BACK), {"1.0"}),
    ],
)
def test_active_versions(weights: dict[str, int], swap: Undecided | None, active: set[str]) -> None:
    assert active_versions(weights, {"1.0", "1.1", "1.2"}, [swap] if swap else []) == active


def test_what_does_not_answer_is_not_active() -> None:
    assert active_versions({"1.0": 75, "1.1": 25}, {"1.1"}, [a_swap(S.TRANSITIONING)]) == {"1.1"}
