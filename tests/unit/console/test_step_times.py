"""How long each step of a strategy lasted, from the events of the swap."""

from datetime import UTC, datetime, timedelta

from swaps.console.swap.step_times import times_of_steps
from swaps.readings.swap.events import EventReading

BEGAN = datetime(2026, 11, 24, 12, tzinfo=UTC)
# 5 %, hold, 50 %, pause, 100 %
STEPS = 5


def told(*events: tuple[float, str, str, int | None]) -> list[float | None]:
    """`events`: seconds, state before, state after, the step that is entered."""
    readings = [
        EventReading(
            time=BEGAN + timedelta(seconds=at),
            kind="step",
            from_state=before,
            to_state=after,
            actor="engine",
            source="engine",
            reason="",
            generation=number,
            data={} if step is None else {"step_index": step},
        )
        for number, (at, before, after, step) in enumerate(events)
    ]
    return [None if t is None else t.total_seconds() for t in times_of_steps(readings, STEPS)]


LOADED = (5, "LoadingNewVersion", "Transitioning", 1)


def test_a_hold_lasts_until_the_next_step_and_a_pause_until_somebody_promotes() -> None:
    assert told(
        (0, "NotStarted", "LoadingNewVersion", None),
        LOADED,
        (35, "Transitioning", "Transitioning", 3),
        (60, "Transitioning", "Transitioning", None),  # a command
        (90, "Transitioning", "Transitioning", 5),
        (91, "Transitioning", "OldVersionDraining", None),
    ) == [None, 30, None, 55, None]


def test_a_step_that_runs_or_never_came_has_no_time() -> None:
    assert told(LOADED) == [None] * 5
    assert told() == [None] * 5


def test_a_roll_back_ends_the_step_that_ran() -> None:
    assert told(LOADED, (25, "Transitioning", "RollingBack", None)) == [None, 20, None, None, None]


def test_swaps_of_before_steps_were_told_have_no_times() -> None:
    assert (
        told(
            (5, "LoadingNewVersion", "Transitioning", None),
            (35, "Transitioning", "Transitioning", None),
        )
        == [None] * 5
    )
