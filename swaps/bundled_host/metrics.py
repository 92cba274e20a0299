"""`/metrics` in Prometheus' text format."""

from collections.abc import Iterator

from prometheus_client import Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from swaps.bundled_host.versions import Version

_LABELS = ("model", "version")


class _Versions(Collector):
    """The host counts by itself, a version at a time; here the numbers are only read."""

    def __init__(self, versions: list[Version]) -> None:
        self._versions = versions

    def collect(self) -> Iterator[Metric]:
        in_flight = GaugeMetricFamily(
            "hotswap_host_in_flight", "Requests now executing.", labels=_LABELS
        )
        # The library adds `_total` to the names of counters.
        requests = CounterMetricFamily("hotswap_host_requests", "Requests let in.", labels=_LABELS)
        errors = CounterMetricFamily(
            "hotswap_host_errors", "Of these, not answered.", labels=_LABELS
        )
        load_seconds = GaugeMetricFamily(
            "hotswap_host_load_seconds", "How long the last load took.", labels=_LABELS
        )
        for version in self._versions:
            labels = (version.ref.model, version.ref.version)
            in_flight.add_metric(labels, version.in_flight)
            requests.add_metric(labels, version.witness.requests_total)
            errors.add_metric(labels, version.witness.errors_total)
            if version.load_seconds is not None:
                load_seconds.add_metric(labels, version.load_seconds)
        yield from (in_flight, requests, errors, load_seconds)


def exposition(versions: list[Version]) -> bytes:
    return generate_latest(_Versions(versions))
