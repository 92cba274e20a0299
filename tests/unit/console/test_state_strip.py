"""The strip shows where a swap was, is, and will go if all is well."""

from datetime import UTC, datetime, timedelta

from swaps.console.swap.state_strip import Visit, state_strip
from swaps.domain.states import SwapState as S

BEGAN = datetime(2026, 10, 1, tzinfo=UTC)


def strip(*states: S, gave_up: bool = False) -> list[tuple[str, str]]:
    visits = [Visit(state, BEGAN + timedelta(seconds=n)) for n, state in enumerate(states)]
    return [(mark.state.value, mark.place) for mark in state_strip(visits, gave_up=gave_up)]


def test_what_is_to_come_is_shown() -> None:
    assert strip(S.NOT_STARTED, S.LOADING_NEW_VERSION) == [
        ("NotStarted", "done"),
        ("LoadingNewVersion", "now"),
        ("Transitioning", "next"),
        ("OldVersionDraining", "next"),
        ("Completed", "next"),
    ]


def test_a_roll_back_leads_to_rolled_back_or_to_failed() -> None:
    path = (S.NOT_STARTED, S.LOADING_NEW_VERSION, S.TRANSITIONING, S.ROLLING_BACK)
    assert strip(*path)[-1] == ("RolledBack", "next")
    assert strip(*path, gave_up=True)[-1] == ("Failed", "next")
    assert ("OldVersionDraining", "next") not in strip(*path)


def test_an_end_has_nothing_after_it() -> None:
    assert strip(S.NOT_STARTED, S.CANCELLED) == [("NotStarted", "done"), ("Cancelled", "now")]


def test_rolled_forward_again_a_state_stands_where_it_was_last() -> None:
    shown = strip(
        S.NOT_STARTED,
        S.LOADING_NEW_VERSION,
        S.TRANSITIONING,
        S.OLD_VERSION_DRAINING,
        S.ROLLING_BACK,
        S.OLD_VERSION_DRAINING,
    )
    assert shown[-3:] == [
        ("RollingBack", "done"),
        ("OldVersionDraining", "now"),
        ("Completed", "next"),
    ]
    assert len(shown) == 6


def test_each_state_knows_how_long_it_lasted() -> None:
    visits = [Visit(S.NOT_STARTED, BEGAN), Visit(S.CANCELLED, BEGAN + timedelta(seconds=4))]
    assert state_strip(visits)[0].lasted == timedelta(seconds=4)
