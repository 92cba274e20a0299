"""A strategy drawn: the new version's weight over time. Pure."""

from dataclasses import dataclass
from datetime import timedelta

from swaps.domain.strategies import Hold, Pause, SetWeight, Strategy, parse_strategy

WIDTH, HEIGHT = 120, 40
# A pause until promoted has no length: it is drawn as long as this.
PAUSE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stair:
    """One weight, from when it is reached (holds alone counted) until the next."""

    percent: int
    at: timedelta
    held: timedelta
    until_promoted: bool


@dataclass(frozen=True, slots=True)
class Staircase:
    path: str
    held: timedelta  # all holds together
    stairs: tuple[Stair, ...]

    @property
    def asks_people(self) -> bool:
        """It stands still until somebody promotes."""
        return any(stair.until_promoted for stair in self.stairs)


def staircase(given: object) -> Staircase:
    """Of a strategy, or of what `parse_strategy` takes. Raises StrategyInvalid."""
    strategy = given if isinstance(given, Strategy) else parse_strategy(given)
    stairs = _stairs(strategy)
    held = sum((stair.held for stair in stairs), timedelta())
    lengths = [stair.held + (PAUSE if stair.until_promoted else timedelta()) for stair in stairs]
    # What comes after the last weight shall be seen too.
    whole = max((sum(lengths, timedelta()) + timedelta(seconds=10)) * 1.25, timedelta(seconds=20))
    at, path = whole * 0.1, f"M0 {HEIGHT}"
    for stair, length in zip(stairs, lengths, strict=True):
        x, y = WIDTH * (at / whole), HEIGHT * (1 - stair.percent / 100)
        path += f"H{x:.1f}V{y:.1f}"
        at += length
    return Staircase(f"{path}H{WIDTH}", held, tuple(stairs))


def _stairs(strategy: Strategy) -> list[Stair]:
    stairs: list[Stair] = []
    at = timedelta()
    for step in strategy.steps:
        match step:
            case SetWeight(percent):
                stairs.append(Stair(percent, at, timedelta(), until_promoted=False))
            case Hold(duration):
                last = stairs[-1]
                stairs[-1] = Stair(last.percent, last.at, last.held + duration, last.until_promoted)
                at += duration
            case Pause():
                last = stairs[-1]
                stairs[-1] = Stair(last.percent, last.at, last.held, until_promoted=True)
    return stairs
