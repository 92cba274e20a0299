"""Geometry of the charts. Pure: numbers in, SVG coordinates out; templates draw them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# The traffic bar is 1000 wide, so a tenth of a percent is one unit.
BAR_WIDTH = 1000
WINDOW_SECONDS = 60
CHART_WIDTH, CHART_HEIGHT = 600, 120
# A gap this long between two samples is a time nobody looked: the line stops there.
GAP_SECONDS = 3.0
# The scale changes seldom: 1, 2 or 5 times a power of ten.
_TOPS: tuple[int, ...] = tuple(factor * 10**power for power in range(10) for factor in (1, 2, 5))
LEAST_IN_FLIGHT, LEAST_PERCENT, LEAST_MS = 4, 1, 10
# More is not seen in a small chart, and is sent each second.
POINTS = 60


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
    """Of both versions, at a moment (seconds of any one clock); None: not known."""

    at: float
    old: float | None
    new: float | None


@dataclass(frozen=True, slots=True)
class LineChart:
    old: str  # path data
    new: str
    top: int  # what the chart's upper edge stands for
    samples: int  # how many are drawn
    bounds: tuple[float, ...] = ()  # x of moments that are marked


def in_flight_chart(
    samples: Sequence[Sample], now: float, *, least: int = LEAST_IN_FLIGHT
) -> LineChart:
    """The last minute, right edge now. `least`: what the upper edge stands for at least."""
    shown = [s for s in samples if now - s.at <= WINDOW_SECONDS]
    return _chart(shown, now - WINDOW_SECONDS, now, GAP_SECONDS, least=least)


def record_chart(
    samples: Sequence[Sample], bounds: Sequence[float], *, least: int = LEAST_IN_FLIGHT
) -> LineChart:
    """All of a swap, from the first sample to the last; `bounds` are moments to be marked.

    `least`: what the upper edge stands for at the very least.
    """
    if not samples:
        return _chart([], 0.0, 1.0, GAP_SECONDS, least=least)
    began = samples[0].at
    ended = max(samples[-1].at, began + 1)
    # Long swaps are sampled ever more seldom, which is no gap.
    gap = max(GAP_SECONDS, (ended - began) / 20)
    marked = [at for at in bounds if began < at < ended]
    return _chart(samples, began, ended, gap, marked, least=least)


def highest_of_each_part(samples: Sequence[Sample], parts: int = POINTS) -> list[Sample]:
    """At most so many samples: of each part of the time the highest values, which say most."""
    if len(samples) <= parts:
        return list(samples)
    began, length = samples[0].at, samples[-1].at - samples[0].at
    kept: dict[int, Sample] = {}
    for one in samples:
        part = min(parts - 1, int(parts * (one.at - began) / length)) if length else 0
        before = kept.get(part)
        kept[part] = (
            Sample(before.at, _higher(before.old, one.old), _higher(before.new, one.new))
            if before
            else one
        )
    return list(kept.values())


def _higher(one: float | None, other: float | None) -> float | None:
    return max((value for value in (one, other) if value is not None), default=None)


def _chart(
    samples: Sequence[Sample],
    began: float,
    ended: float,
    gap: float,
    bounds: Sequence[float] = (),
    *,
    least: int,
) -> LineChart:
    highest = max((n for s in samples for n in (s.old, s.new) if n is not None), default=0)
    top = round_up(highest, least=least)

    def x(at: float) -> float:
        return round(CHART_WIDTH * (at - began) / (ended - began), 1)

    return LineChart(
        old=_path([(s.at, x(s.at), s.old) for s in samples], top, gap),
        new=_path([(s.at, x(s.at), s.new) for s in samples], top, gap),
        top=top,
        samples=sum(s.old is not None or s.new is not None for s in samples),
        bounds=tuple(x(at) for at in bounds),
    )


def round_up(highest: float, *, least: int = LEAST_IN_FLIGHT) -> int:
    """What a chart's upper edge stands for."""
    return next(top for top in (least, *_TOPS) if top >= highest)


def _path(points: Sequence[tuple[float, float, float | None]], top: int, gap: float) -> str:
    """`points`: when, x, and the value."""
    parts: list[str] = []
    last: float | None = None
    for at, x, value in points:
        if value is None:
            last = None
            continue
        y = CHART_HEIGHT * (1 - value / top)
        start = last is None or at - last > gap
        parts.append(f"{'M' if start else 'L'}{x:.1f} {y:.1f}")
        last = at
    return "".join(parts)
