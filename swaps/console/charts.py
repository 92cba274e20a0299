"""Geometry of the charts. Pure: numbers in, SVG coordinates out; templates draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The traffic bar is 1000 wide, so a tenth of a percent is one unit.
BAR_WIDTH = 1000
WINDOW_SECONDS = 60
CHART_WIDTH, CHART_HEIGHT = 600, 120
# A gap this long between two samples is a time nobody looked: the line stops there.
GAP_SECONDS = 3.0
# The scale changes seldom: 1, 2 or 5 times a power of ten, and 4 at least.
_TOPS: tuple[int, ...] = (4, *(factor * 10**power for power in range(9) for factor in (5, 10, 20)))


@dataclass(frozen=True, slots=True)
class TrafficBar:
    """Old on the left, new on the right; x in 0..BAR_WIDTH. None: not known, not drawn."""

    requested: float | None  # a tick
    applied: float | None  # the border between the two fills
    observed: float | None  # a hairline

    @property
    def border(self) -> float:
        """Where the fill changes; while routers disagree, where it was asked to be."""
        known = self.applied if self.applied is not None else self.requested
        return BAR_WIDTH if known is None else known

    @property
    def new_width(self) -> float:
        return BAR_WIDTH - self.border


def traffic_bar(weights: Mapping[str, Mapping[str, float] | None], new: str) -> TrafficBar:
    """`weights` as a swap's reading has them: requested, applied, observed by version."""

    def border(kind: str) -> float | None:
        by_version = weights.get(kind)
        if not by_version:
            return None
        return round(BAR_WIDTH * (1 - by_version.get(new, 0) / 100), 1)

    return TrafficBar(border("requested"), border("applied"), border("observed"))


@dataclass(frozen=True, slots=True)
class Sample:
    """Requests in flight at a moment (seconds of any one clock); None: not known."""

    at: float
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True)
class InFlightChart:
    old: str  # path data
    new: str
    top: int  # what the chart's upper edge stands for
    samples: int


def in_flight_chart(samples: Sequence[Sample], now: float) -> InFlightChart:
    """The last minute, right edge now."""
    shown = [s for s in samples if now - s.at <= WINDOW_SECONDS]
    highest = max((n for s in shown for n in (s.old, s.new) if n is not None), default=0)
    top = _round_up(highest)
    return InFlightChart(
        old=_path([(s.at, s.old) for s in shown], now, top),
        new=_path([(s.at, s.new) for s in shown], now, top),
        top=top,
        samples=len(shown),
    )


def _round_up(highest: int) -> int:
    return next(top for top in _TOPS if top >= highest)


def _path(points: Sequence[tuple[float, int | None]], now: float, top: int) -> str:
    parts: list[str] = []
    last: float | None = None
    for at, value in points:
        if value is None:
            last = None
            continue
        x = CHART_WIDTH * (1 - (now - at) / WINDOW_SECONDS)
        y = CHART_HEIGHT * (1 - value / top)
        start = last is None or at - last > GAP_SECONDS
        parts.append(f"{'M' if start else 'L'}{x:.1f} {y:.1f}")
        last = at
    return "".join(parts)
