"""The charts of a model's page: numbers in, SVG coordinates out; a template draws them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from swaps.console.shared.charts import round_up
from swaps.readings.traffic.history import TrafficHistory, VersionHistory

WIDTH, HEIGHT = 400, 96


@dataclass(frozen=True, slots=True)
class ChartLine:
    version: str
    side: str  # old, new, or "" for an older version
    path: str  # path data
    last: float | None  # the newest value; None: not known


@dataclass(frozen=True, slots=True)
class TrafficChart:
    name: str
    unit: str
    top: int  # what the upper edge stands for
    lines: tuple[ChartLine, ...]

    @property
    def in_words(self) -> str:
        """For whoever does not see it."""
        said = [f"{one.version} now {_number(one.last)};" for one in self.lines]
        return f"{self.name} {self.unit} during the last ten minutes: " + (
            " ".join(said) or "nothing is known"
        )


def traffic_charts(history: TrafficHistory) -> list[TrafficChart]:
    """Requests, errors and latency; the same moments in each."""

    def chart(name: str, unit: str, *values: Sequence[float | None]) -> TrafficChart:
        highest = max((v for line in values for v in line if v is not None), default=0)
        top = round_up(highest)
        pairs = zip(history.versions, values, strict=True)
        return TrafficChart(name, unit, top, tuple(_line(one, line, top) for one, line in pairs))

    versions = history.versions
    return [
        chart("Requests", "a second", *(one.requests_per_second for one in versions)),
        chart("Errors", "percent", *(one.errors_percent for one in versions)),
        chart("Latency, p95", "ms", *(one.p95_ms for one in versions)),
    ]


def _number(value: float | None) -> str:
    return "not known" if value is None else f"{value:.1f}".removesuffix(".0")


def _line(version: VersionHistory, values: Sequence[float | None], top: int) -> ChartLine:
    # The newest moment is often not told of yet: the last value is what was said lately.
    lately = [value for value in values[-3:] if value is not None]
    last = lately[-1] if lately else None
    return ChartLine(version.version, version.side, _path(values, top), last)


def _path(values: Sequence[float | None], top: int) -> str:
    """A gap where nothing is known; a point alone is a short stroke, or nobody would see it."""
    parts: list[str] = []
    step = WIDTH / max(1, len(values) - 1)
    begins = True
    for index, value in enumerate(values):
        if value is None:
            begins = True
            continue
        x, y = step * index, HEIGHT * (1 - min(value / top, 1))
        parts.append(f"{'M' if begins else 'L'}{x:.1f} {y:.1f}")
        alone = begins and (index + 1 == len(values) or values[index + 1] is None)
        if alone:
            parts.append("h2")
        begins = False
    return "".join(parts)
