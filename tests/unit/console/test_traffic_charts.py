"""The charts of a model's traffic: gaps stay gaps, and a scale fits all versions."""

from swaps.console.model.traffic_charts import HEIGHT, WIDTH, traffic_charts
from swaps.readings.traffic.history import TrafficHistory, VersionHistory


def history(*versions: VersionHistory) -> TrafficHistory:
    return TrafficHistory(tuple(float(i) for i in range(5)), {}, versions)


def a_version(*rates: float | None, name: str = "1.0", side: str = "old") -> VersionHistory:
    return VersionHistory(name, side, rates, (None,) * 5, (None,) * 5)


def test_both_versions_stand_on_one_scale() -> None:
    requests = traffic_charts(history(a_version(40, 40, 20, 0, 0), a_version(0, 0, 20, 40, 40)))[0]
    assert requests.top == 50
    one, other = (line.path for line in requests.lines)
    assert one.startswith(f"M0.0 {HEIGHT * 0.2:.1f}L")
    assert one.endswith(f"L{WIDTH}.0 {HEIGHT}.0")
    assert other.endswith(f"L{WIDTH}.0 {HEIGHT * 0.2:.1f}")


def test_what_is_not_known_is_a_gap_and_no_zero() -> None:
    line = traffic_charts(history(a_version(1, 1, None, 1, 1)))[0].lines[0]
    assert line.path.count("M") == 2


def test_a_moment_alone_is_seen() -> None:
    line = traffic_charts(history(a_version(None, None, 1, None, None)))[0].lines[0]
    assert line.path.endswith("h2")
    assert line.last == 1


def test_the_last_value_is_of_lately_or_of_nobody_knows() -> None:
    assert traffic_charts(history(a_version(3, 3, 3, None, None)))[0].lines[0].last == 3
    assert traffic_charts(history(a_version(3, 3, None, None, None)))[0].lines[0].last is None


def test_without_traffic_there_is_a_scale_all_the_same() -> None:
    assert [(chart.top, chart.lines) for chart in traffic_charts(history())] == [(4, ())] * 3
