"""After how long without a request a connection to a host is closed."""

import pytest

from swaps.domain.idle_timeouts import (
    LONGEST_MEASURED_SECONDS,
    as_measured,
    idle_timeout,
    idle_timeout_problem,
)


@pytest.mark.parametrize(
    ("chosen", "measured", "of_its_kind", "seconds"),
    [
        (None, None, None, 30.0),
        (None, None, 75, 30.0),
        (None, None, 10, 5.0),
        (None, 5.0, 75, 2.5),
        (None, LONGEST_MEASURED_SECONDS, 5, 30.0),
        (None, 0.0, 75, 30.0),  # it says with each answer that it closes
        (None, 0.1, 75, 0.1),
        (50.0, 5.0, 75, 50.0),
    ],
)
def test_what_was_set_stands_else_half_of_what_was_measured_else_of_its_kind(
    chosen: float | None, measured: float | None, of_its_kind: float | None, seconds: float
) -> None:
    found = idle_timeout(chosen=chosen, measured=measured, of_its_kind=of_its_kind)
    assert found == seconds
    assert idle_timeout_problem(found) is None


@pytest.mark.parametrize("seconds", [0, -1, 0.01, 3601, float("nan"), float("inf"), True, "5", []])
def test_nobody_sets_what_envoy_would_refuse_or_take_for_never(seconds: object) -> None:
    assert idle_timeout_problem(seconds) is not None


def test_it_may_be_set_to_nothing_again() -> None:
    assert idle_timeout_problem(None) is None


def test_two_measurements_of_one_server_tell_the_same() -> None:
    assert as_measured(4.97) == as_measured(4.91) == 4.9
    assert as_measured(14.97) == as_measured(14.03) == 14.0
    assert as_measured(LONGEST_MEASURED_SECONDS) == LONGEST_MEASURED_SECONDS
