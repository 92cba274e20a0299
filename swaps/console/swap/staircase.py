"""A strategy drawn: the new version's weight over time. Pure."""

from dataclasses import dataclass, replace
from datetime import timedelta

from swaps.domain.strategies import Strategy, parse_strategy

WIDTH, HEIGHT = 120, 40


@dataclass(frozen=True, slots=True)
class Stair:
    """One weight, from when it is reached (what lasts alone counted) until the next."""

    percent: int
    at: timedelta
    held: timedelta
    until: tuple[str, ...]  # what ends it beside the time it is held


@dataclass(frozen=True, slots=True)
class Staircase:
    path: str
    held: timedelta  # all holds together
    stairs: tuple[Stair, ...]


def staircase(given: object) -> Staircase:
    """Of a strategy, or of what `parse_strategy` takes. Raises StrategyInvalid."""
    strategy = given if isinstance(given, Strategy) else parse_strategy(given)
    stairs, lengths = _stairs(strategy)
    held = sum((stair.held for stair in stairs), timedelta())
    # What comes after the last weight shall be seen too.
    whole = max((sum(lengths, timedelta()) + timedelta(seconds=10)) * 1.25, timedelta(seconds=20))
    at, path = whole * 0.1, f"M0 {HEIGHT}"
    for stair, length in zip(stairs, lengths, strict=True):
        x, y = WIDTH * (at / whole), HEIGHT * (1 - stair.percent / 100)
        path += f"H{x:.1f}V{y:.1f}"
        at += length
    return Staircase(f"{path}H{WIDTH}", held, tuple(stairs))


def _stairs(strategy: Strategy) -> tuple[list[Stair], list[timedelta]]:
    """With the length that each is drawn in."""
    stairs, lengths, at = [Stair(0, timedelta(), timedelta(), ())], [timedelta()], timedelta()
    for step in strategy.steps:
        if step.weight is not None:
            stairs.append(Stair(step.weight, at, timedelta(), ()))
            lengths.append(timedelta())
        lasts, drawn, last = step.lasts or timedelta(), step.drawn, stairs[-1]
        until = (*last.until, drawn.until) if drawn.until else last.until
        stairs[-1] = replace(last, held=last.held + lasts, until=until)
        lengths[-1] += drawn.length
        at += lasts
    return stairs[1:], lengths[1:]
