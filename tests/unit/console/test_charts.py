"""What charts draw, and what they leave out because nobody knows it."""

from swaps.console.shared.charts import (
    LEAST_PERCENT,
    Sample,
    highest_of_each_part,
    in_flight_chart,
    record_chart,
    traffic_bar,
)
from swaps.console.swap.staircase import staircase


def test_old_stands_left_and_new_right() -> None:
    weights = {"requested": {"1.0": 75, "1.1": 25}, "applied": {"1.0": 95, "1.1": 5}}
    bar = traffic_bar({**weights, "observed": {"1.0": 95.4, "1.1": 4.6}}, "1.1")
    assert (bar.requested, bar.applied, bar.observed) == (750, 950, 954)
    assert (bar.border, bar.new_width) == (950, 50)


def test_while_routers_disagree_the_bar_stands_where_it_was_asked_to() -> None:
    bar = traffic_bar({"requested": {"1.0": 75, "1.1": 25}, "applied": None}, "1.1")
    assert bar.applied is None
    assert bar.border == 750


def test_a_version_without_weight_has_none_of_the_bar() -> None:
    bar = traffic_bar({"requested": {"1.0": 100}, "applied": {"1.0": 100}}, "1.1")
    assert (bar.border, bar.new_width) == (1000, 0)


def test_unknown_counts_and_times_nobody_looked_are_gaps_not_zero() -> None:
    samples = [
        Sample(40, 4, 0),
        Sample(41, None, 0),
        Sample(42, 2, 0),
        Sample(50, 2, 0),
    ]
    chart = in_flight_chart(samples, 100)
    assert chart.old.count("M") == 3
    assert chart.new.count("M") == 2
    assert chart.old.startswith("M0.0 0.0")


def test_the_scale_changes_seldom() -> None:
    def tops(*highest: int) -> list[int]:
        return [in_flight_chart([Sample(0, n, 0)], 0).top for n in highest]

    assert tops(0, 4, 5, 6, 11, 21, 99, 101) == [4, 4, 5, 10, 20, 50, 100, 200]


def test_a_small_chart_has_few_points_and_every_spike() -> None:
    samples = [Sample(at, 0.0, 7.5 if at == 613 else None) for at in range(1000)]
    few = highest_of_each_part(samples, parts=50)
    assert len(few) == 50
    assert [s.new for s in few if s.new is not None] == [7.5]
    assert record_chart(few, [], least=LEAST_PERCENT).top == 10
    assert highest_of_each_part(samples[:3], parts=50) == samples[:3]
    assert highest_of_each_part([], parts=50) == []


def test_what_is_older_than_a_minute_is_not_shown() -> None:
    assert in_flight_chart([Sample(0, 1, 1), Sample(61, 1, 1)], 61).samples == 1


def test_a_strategy_is_a_staircase_to_the_top() -> None:
    assert staircase("canary").path.count("V") == 4
    assert staircase("canary").held.total_seconds() == 180
    assert staircase("all-at-once").path.endswith("V0.0H120")
    assert staircase({"name": "mine", "steps": [{"setWeight": 10}, {"pause": {}}]}).path
