"""How traffic moves to the new version: a list of steps, in the words of Argo Rollouts.

As JSON: `{"name": "canary", "steps": [{"setWeight": 5}, {"pause": {"duration": 60}},
{"setWeight": 50}, {"pause": {}}], "stickyHeader": "x-user"}`. Weights are integer percent
for the new version and only grow; what each kind of step means stands in `swaps.domain.steps`.
The first step is a weight. The last weight is always 100: it is added where it is missing, and
nothing follows it (bake time is `keep_warm_seconds`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from swaps.domain.steps import Hold, SetWeight, StrategyInvalid, StrategyStep, parse_step

MAX_STEPS = 50
MAX_HEADER_LENGTH = 63

_HEADER = re.compile(r"[A-Za-z0-9-]+")
# The router overwrites or strips these before it looks at them.
_ROUTERS_OWN = ("x-hs-", "x-envoy-")


@dataclass(frozen=True, slots=True)
class Strategy:
    name: str
    steps: tuple[StrategyStep, ...]
    # A request header whose value picks the version, so one caller sees one version
    # while the weights grow; "" leaves each request to chance.
    sticky_header: str = field(default="")

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "steps": [step.as_json() for step in self.steps],
            "stickyHeader": self.sticky_header,
        }


def all_at_once() -> Strategy:
    return Strategy("all-at-once", (SetWeight(100),))


def canary(hold: timedelta = timedelta(seconds=60)) -> Strategy:
    """5, 25, 50, 100 %, with a hold after each but the last."""
    return Strategy("canary", _stairs((5, 25, 50), hold))


def linear(step_percent: int = 20, hold: timedelta = timedelta(seconds=30)) -> Strategy:
    if not 1 <= step_percent <= 100:
        raise StrategyInvalid(f"a linear step of {step_percent} % is not between 1 and 100")
    return Strategy("linear", _stairs(range(step_percent, 100, step_percent), hold))


def _stairs(percents: Sequence[int], hold: timedelta) -> tuple[StrategyStep, ...]:
    steps: list[StrategyStep] = []
    for percent in percents:
        steps += [SetWeight(percent), Hold(hold)]
    return (*steps, SetWeight(100))


READY_MADE = {"all-at-once": all_at_once, "canary": canary, "linear": linear}


def parse_strategy(given: object) -> Strategy:
    """From what a request, a form or a row holds: a ready-made name, or an object.

    Raises StrategyInvalid, whose message is for the person who wrote it.
    """
    if given is None or given == "" or given == {}:
        return all_at_once()
    if isinstance(given, str):
        if given not in READY_MADE:
            raise StrategyInvalid(f"no strategy {given!r}; there are {', '.join(READY_MADE)}")
        return READY_MADE[given]()
    if not isinstance(given, Mapping):
        raise StrategyInvalid("a strategy is a name or an object with steps")
    unknown = sorted(set(map(str, given)) - {"name", "steps", "stickyHeader"})
    if unknown:
        raise StrategyInvalid(f"a strategy has name, steps and stickyHeader, not {unknown[0]!r}")
    sticky = given.get("stickyHeader", "")
    if not isinstance(sticky, str):
        raise StrategyInvalid("stickyHeader is the name of a request header")
    problem = sticky_header_problem(sticky)
    if problem:
        raise StrategyInvalid(problem)
    name = given.get("name", "custom")
    # Printable, because Postgres keeps neither NUL nor half a surrogate pair.
    if not isinstance(name, str) or not 0 < len(name) <= 63 or not name.isprintable():
        raise StrategyInvalid("a strategy's name is a text of up to 63 printable characters")
    if "steps" not in given:
        if name not in READY_MADE:
            raise StrategyInvalid(f"strategy {name!r} needs steps")
        steps = READY_MADE[name]().steps
    else:
        steps = _parse_steps(given["steps"])
    return Strategy(name, steps, sticky.lower())


def sticky_header_problem(name: str) -> str | None:
    """Why callers cannot be divided by this request header, or None; "" divides nobody.

    The one rule of it, for whoever takes the name in and for the router, whose Envoys would
    refuse the whole route: no underscore, for they refuse each request that has one in a name.
    """
    if not name:
        return None
    if len(name) > MAX_HEADER_LENGTH:
        return f"stickyHeader {name[:20]!r}… is longer than {MAX_HEADER_LENGTH} characters"
    if not _HEADER.fullmatch(name):
        return (
            f"stickyHeader {name!r} is no name of a request header: use letters, digits and '-' "
            "(requests that have a '_' in a header's name are refused)"
        )
    if name.lower().startswith(_ROUTERS_OWN):
        return f"stickyHeader {name!r} is the router's own: clients cannot send it"
    return None


def steps_of(row: Mapping[str, Any]) -> tuple[StrategyStep, ...]:
    """The steps alone of what a swap's row keeps: how it goes on does not hang on a header."""
    return parse_strategy({**row, "stickyHeader": ""}).steps


def words_of(steps: Sequence[StrategyStep]) -> str:
    """`5 %, hold 60 s, 100 %`: all of what they do."""
    return ", ".join(step.words for step in steps)


def _parse_steps(given: object) -> tuple[StrategyStep, ...]:
    if not isinstance(given, list) or not 0 < len(given) <= MAX_STEPS:
        raise StrategyInvalid(f"steps is a list of 1 to {MAX_STEPS} steps")
    steps: list[StrategyStep] = []
    weight = 0
    for number, item in enumerate(given, start=1):
        step = parse_step(item, number)
        misplaced = step.misplaced(weight)
        if misplaced:
            raise StrategyInvalid(f"step {number}: {misplaced}")
        weight = weight if step.weight is None else step.weight
        steps.append(step)
    if weight < 100:
        steps.append(SetWeight(100))
    return tuple(steps)
