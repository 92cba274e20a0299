"""A strategy drawn: the new version's weight over time. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from swaps.domain.strategies import Hold, SetWeight, parse_strategy

WIDTH, HEIGHT = 120, 40
# A pause until promoted has no length: it is drawn as long as this.
PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Staircase:
    path: str
    held: timedelta  # all holds together


def staircase(strategy: object) -> Staircase:
    """Raises StrategyInvalid."""
    steps = parse_strategy(strategy).steps
    held = sum((step.duration for step in steps if isinstance(step, Hold)), timedelta())
    # What comes after the last weight shall be seen too.
    whole = sum((_length(step) for step in steps), timedelta()) + timedelta(seconds=10)
    whole = max(whole * 1.25, timedelta(seconds=20))
    at, path = whole * 0.1, f"M0 {HEIGHT}"
    for step in steps:
        if isinstance(step, SetWeight):
            x, y = WIDTH * (at / whole), HEIGHT * (1 - step.percent / 100)
            path += f"H{x:.1f}V{y:.1f}"
        at += _length(step)
    return Staircase(f"{path}H{WIDTH}", held)


def _length(step: object) -> timedelta:
    if isinstance(step, Hold):
        return step.duration
    return timedelta() if isinstance(step, SetWeight) else PAUSE
