"""What is in flight on each host as small charts, all of one scale. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from swaps.console.shared.charts import LEAST_IN_FLIGHT, LineChart, in_flight_chart, round_up
from swaps.console.swap.host_flight import HostFlight, OnHost

# More are not taken in at a glance; their figures are in the table of hosts.
MOST_CHARTS = 12


@dataclass(frozen=True, slots=True)
class HostChart:
    host: str
    on: OnHost
    chart: LineChart  # empty where the host has said nothing


def host_charts(hosts: Sequence[str], flight: HostFlight) -> list[HostChart]:
    """Of these hosts, in their order; of many the busiest of the last minute."""
    highest = {host: _highest(flight, host) for host in hosts}
    busiest = sorted(hosts, key=lambda host: -highest[host])[:MOST_CHARTS]
    top = round_up(max(highest.values(), default=0), least=LEAST_IN_FLIGHT)
    now = max((samples[-1].at for samples in flight.minute.values()), default=0.0)
    return [
        HostChart(
            host,
            flight.now.get(host, OnHost(None, None)),
            in_flight_chart(flight.minute.get(host, ()), now, least=top),
        )
        for host in hosts
        if host in busiest
    ]


def _highest(flight: HostFlight, host: str) -> float:
    samples = flight.minute.get(host, ())
    return max((n for s in samples for n in (s.old, s.new) if n is not None), default=0)
