"""What each command will do, in words, before it is done.

The effect depends on where the swap is: a roll back while loading stops a load, and after
completion starts a new swap. `Confirmation.effect_key` tells these apart, so that a
confirmation given for one is never taken for another, nor one confirmation taken twice.
"""

import hashlib
from dataclasses import dataclass

from swaps.domain.commands import ENTRIES, Command
from swaps.domain.commands.contract import Confirmed, Subject
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.models import SwapOperation


def subject_of(swap: SwapOperation, command: Command) -> Subject:
    """`swap` with its model."""
    standing = [str(getattr(swap, name)) for name in ENTRIES[command].rests_on]
    return Subject(
        swap.model.name,
        swap.from_version,
        swap.to_version,
        SwapState(swap.state),
        step=_step(swap) if swap.state == SwapState.TRANSITIONING else "",
        standing=" ".join(standing),
        takes_back=f"{swap.reverses}, as {swap.requested_by} asked" if swap.reverses_id else "",
    )


def _step(swap: SwapOperation) -> str:
    """As far as the steps say it: `holds at 25 % for 1 min` and what follows."""
    steps = parse_strategy(swap.strategy).steps
    reached = steps[: swap.step_index + 1]
    at = next((step.weight for step in reversed(reached) if step.weight is not None), 0)
    following = steps[swap.step_index + 1 :]
    then = next((step.weight for step in following if step.weight is not None), 100)
    return f"It stands at {at} % now; {then} % of traffic goes to {swap.to_version} next."


@dataclass(frozen=True, slots=True)
class Confirmation:
    command: Command
    words: Confirmed
    standing: str = ""

    @property
    def effect_key(self) -> str:
        """Another effect, another key; and another once it was done."""
        told = f"{self.words.effect}|{self.standing}"
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def confirmation(command: Command, s: Subject) -> Confirmation:
    """The dialog's words for `command` on a swap in its present state."""
    return Confirmation(command, ENTRIES[command].confirm(s), s.standing)
