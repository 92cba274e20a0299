"""Small charts of what is in flight on each host: one scale, and unknown is not zero."""

from swaps.console.shared.charts import Sample
from swaps.console.swap.host_charts import MOST_CHARTS, host_charts
from swaps.console.swap.host_flight import HostFlight, OnHost


def test_all_charts_have_the_scale_of_the_busiest() -> None:
    flight = HostFlight(
        {"alpha": OnHost(9, 0), "beta": OnHost(1, 2)},
        {"alpha": (Sample(1, 9, 0), Sample(2, 9, 0)), "beta": (Sample(1, 1, 2), Sample(2, 1, 2))},
    )
    charts = host_charts(["beta", "alpha"], flight)
    assert [one.host for one in charts] == ["beta", "alpha"]
    assert {one.chart.top for one in charts} == {10}
    assert charts[0].on == OnHost(1, 2)
    assert charts[0].chart.new.startswith("M590.0 96.0")  # 2 of 10, a second ago


def test_a_host_that_said_nothing_has_its_place_and_no_line() -> None:
    flight = HostFlight({"alpha": OnHost(None, None)}, {"alpha": (Sample(1, None, None),)})
    alpha, beta = host_charts(["alpha", "beta"], flight)
    for one in (alpha, beta):
        assert (one.on, one.chart.old, one.chart.samples) == (OnHost(None, None), "", 0)


def test_of_many_hosts_the_busiest_are_drawn_in_their_order() -> None:
    hosts = [f"gpu-{number}" for number in range(MOST_CHARTS + 3)]
    minute = {host: (Sample(1, number, 0),) for number, host in enumerate(hosts)}
    charts = host_charts(hosts, HostFlight({}, minute))
    assert [one.host for one in charts] == hosts[3:]
