"""Durations, unknown numbers, promises and refusals, as operators read them."""

import pytest

from swaps.console.shared.refusals import sentence
from swaps.console.shared.template_tags import duration, known, p95
from swaps.console.swap.confirmations import confirmation
from swaps.domain.commands import ENTRIES, Command, NotPossible, Place
from swaps.domain.commands.contract import Subject
from swaps.domain.states import SwapState
from swaps.readings.traffic.traffic import Traffic


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.0132, "13 ms"), (1.34, "1.3 s"), (60, "1 min"), (124, "2 min 04 s"), (11100, "3 h 05 min")],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_unknown_is_a_dash_and_zero_is_zero() -> None:
    assert "not known" in known(None, " %")
    assert "not known" in known("", " %")
    assert known(0, " %") == "0 %"
    assert known(24.68, " %") == "24.7 %"


@pytest.mark.parametrize(
    ("p95_ms", "over_ms", "words"),
    [
        (7.94, None, "8 ms"),
        (7.94, 10_000.0, "8 ms"),  # another percentile is above it
        (None, 10_000.0, "over 10 s"),
    ],
)
def test_what_is_above_all_that_is_measured_is_no_measurement(
    p95_ms: float | None, over_ms: float | None, words: str
) -> None:
    assert p95(Traffic(12.0, 0.0, 4.1, p95_ms, None, over_ms)) == words


def test_a_version_without_requests_has_no_percentile() -> None:
    assert "not known" in p95(Traffic(0.0, None, None, None, None, None))
    assert "not known" in p95(None)
    assert "not known" in p95("")


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("state", SwapState)
def test_every_possible_command_says_its_effect(command: Command, state: SwapState) -> None:
    """And a confirmation for one effect is never one for another."""
    if isinstance(ENTRIES[command].check(Place(state)), NotPossible):
        return
    asked = confirmation(command, Subject("iris", "1.0", "1.1", state))
    assert asked.words.effect.endswith(".")
    for other in SwapState:
        twin = confirmation(command, Subject("iris", "1.0", "1.1", other))
        if twin.words.effect != asked.words.effect:
            assert twin.effect_key != asked.effect_key


def test_force_is_typed() -> None:
    subject = Subject("iris", "1.0", "1.1", SwapState.ROLLING_BACK)
    assert confirmation(Command.FORCE_UNLOAD, subject).words.typed == "1.1"


def test_names_are_never_respelt() -> None:
    assert sentence(ValueError("iris is busy"), "iris") == "iris is busy."
    assert sentence(ValueError("time is up."), "iris", None) == "Time is up."
