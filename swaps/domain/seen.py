"""A command means what its author saw: one that was decided on an earlier step is refused.

Who says what was seen is held to it. A promote that says nothing means the hold that its author
can have seen: right after another hold was passed, it would pass one that nobody has looked at.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from swaps.domain.states import SwapState
from swaps.domain.steps import StrategyStep

# Longer than two people, or one who asks again, take to press the same button.
UNSEEN = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Seen:
    """In the words of a swap's reading; None: not said."""

    generation: int | None = None
    state: SwapState | None = None
    step_index: int | None = None

    @property
    def names_step(self) -> bool:
        return self.generation is not None or self.step_index is not None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a swap is; `here_for`: how long at its present step, or in a state without steps."""

    generation: int  # of the last write that changed what may be done
    state: SwapState
    steps: Sequence[StrategyStep]
    step_index: int
    here_for: timedelta


def otherwise(seen: Seen, now: Standing) -> str:
    """How the swap is not as it was seen; "" when it is."""
    if seen.state is not None and seen.state is not now.state:
        return f"you saw {seen.state}, and it is {now.state} now"
    if seen.step_index is not None:
        told_apart = seen.state is not None or seen.generation is not None
        if now.state is not SwapState.TRANSITIONING and not told_apart:
            return f"you named a step, and in {now.state} there is none: name the state"
        if seen.step_index != now.step_index:
            was, here = (step_words(now.steps, i) for i in (seen.step_index, now.step_index))
            return f"you saw it at {was}, and it stands at {here} now"
    if seen.generation is not None and seen.generation < now.generation:
        return f"you saw generation {seen.generation}, and it went on to {now.generation}"
    return ""


def passed_unseen(now: Standing) -> int | None:
    """The hold that was passed just now, so that a promote may have meant that one."""
    if now.here_for >= UNSEEN:
        return None
    transitioning = now.state is SwapState.TRANSITIONING
    passed = now.steps[: now.step_index] if transitioning else now.steps
    held = [i for i, step in enumerate(passed) if step.weight is None]
    return held[-1] if held else None


def step_words(steps: Sequence[StrategyStep], index: int) -> str:
    """`step 2 of 4 (hold 60 s)`: people count from one."""
    if index >= len(steps):
        return f"the end of its {len(steps)} steps"
    return f"step {index + 1} of {len(steps)} ({steps[index].words})"
