"""What a strategy is made of: one file a kind of step, which `contract` describes.

Another kind is a file here and a line in KINDS; the handbook's table and a test of its own are
all else that has to be touched. It is parsed, passed, told, drawn, edited and documented by what
the file says.
"""

from swaps.domain.steps.contract import StrategyInvalid, StrategyStep
from swaps.domain.steps.hold import Hold
from swaps.domain.steps.pause import Pause
from swaps.domain.steps.set_weight import SetWeight

# In the order in which they are told and offered.
KINDS: tuple[type[StrategyStep], ...] = (SetWeight, Hold, Pause)


def parse_step(given: object, number: int) -> StrategyStep:
    """`number`, from one, is for the sentence. Raises StrategyInvalid."""
    for kind in KINDS:
        step = kind.parse(given, number)
        if step is not None:
            return step
    *others, last = (kind.shape for kind in KINDS)
    raise StrategyInvalid(f"step {number}: {', '.join(others)} or {last}")


__all__ = ["KINDS", "Hold", "Pause", "SetWeight", "StrategyInvalid", "StrategyStep", "parse_step"]
