"""What a command says of itself: all that doors, engine and handbook know of it.

A command is a member of `Command` and one entry beside its like (`direction`, `pace`, `drain`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from swaps.domain.changes import Changes
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import DRAINING_STATES, SwapState
from swaps.domain.steps import StrategyStep


class Command(StrEnum):
    CANCEL = "cancel"
    ROLLBACK = "rollback"
    PAUSE = "pause"
    RESUME = "resume"
    PROMOTE = "promote"
    EXTEND_DRAIN = "extend-drain"
    FORCE_UNLOAD = "force-unload"
    ROLL_FORWARD = "roll-forward"


@dataclass(frozen=True, slots=True)
class Accepted:
    """`already`: the swap is doing that; nothing changes and the answer is the same."""

    already: bool = False


@dataclass(frozen=True, slots=True)
class NewSwap:
    """Rolling back what is completed: a new swap in the other direction."""


@dataclass(frozen=True, slots=True)
class NotPossible:
    reason: str
    # The swap will soon be in a state that allows it.
    retry: bool = False


CommandCheck = Accepted | NewSwap | NotPossible


@dataclass(frozen=True, slots=True)
class Place:
    """Where a swap is. Whether a command is possible goes by the state and `past_return` alone."""

    state: SwapState
    past_return: bool = False  # the point of no return is behind
    steps: Sequence[StrategyStep] = ()
    step_index: int = 0
    limited: bool = False  # the whole swap has a deadline

    @property
    def drains(self) -> bool:
        """Whether there is a version that may still be told to wait, or not to."""
        return self.state in DRAINING_STATES and not self.past_return

    @property
    def keeps_old(self) -> bool:
        """The old version drains, and may take the traffic back."""
        return self.state is SwapState.OLD_VERSION_DRAINING and not self.past_return


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command takes beside a reason, as a field of its body and of its dialog."""

    name: str
    kind: type[int] | type[bool]  # an int is a number of seconds
    description: str
    usual: int | None = None  # of seconds: what is meant where they are left out
    # The dialog's sentence says it: whoever confirms it there means it, and is not asked.
    told_in_dialog: bool = False


# What was given of a command's fields, by their names; what is left out is None or not there.
type Given = Mapping[str, int | None]


@dataclass(frozen=True, slots=True)
class CommandDetails:
    """What bears on a command beside the swap: who asks, and what of its fields was given."""

    by: str
    given: Given = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Subject:
    """The swap a command is for: no more of it than the sentences need."""

    model: str
    old: str | None
    new: str
    state: SwapState
    step: str = ""  # where it stands and what comes then, while traffic moves
    standing: str = ""  # where all that the command would change stands
    takes_back: str = ""  # of a roll back: the swap that it takes back, and who asked for it

    @property
    def before(self) -> str:
        return self.old or "nothing"

    @property
    def draining(self) -> str:
        """The version that is to become idle."""
        return self.new if self.state is SwapState.ROLLING_BACK else self.before


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What its dialog says: the effect that it would have in the swap's present state."""

    title: str
    effect: str
    button: str
    keep: str = "Keep as it is"  # the safe choice
    typed: str = ""  # what must be typed to confirm
    # Of the entry's fields those that mean something here, and how they are asked for.
    asks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandEntry:
    command: Command
    least_role: Literal["operator", "administrator"]
    label: str  # of its button
    title: str  # of its call
    description: str  # one sentence or more, for the API's document and the handbook
    check: Callable[[Place], CommandCheck]
    confirm: Callable[[Subject], Confirmed]
    change: Callable[[Place, CommandDetails], Changes]  # of a swap that is where it is possible
    told: Callable[[Place, CommandDetails], str]  # in the timeline: what was asked, in few words
    # The columns of a swap that its change rests on: once one is another, a confirmation is void.
    rests_on: tuple[str, ...]
    fields: tuple[Asked, ...] = ()
    example: Mapping[str, object] = field(default_factory=dict)  # of a body, where it has fields
    ends_what_waits: bool = False  # a swap in line is over with it, and whoever is behind moves up
    # Why nothing would come of it where the state allows it; "" when it may work.
    hindrance: Callable[[Snapshot], str] | None = None
    dangerous: bool = False
    beside_the_drain: bool = False  # its button stands there, all others above all
    # Of an open swap; `paused`: whether it is. What could never be meant is not offered at all.
    offered: Callable[[SwapState, bool], bool] = lambda state, paused: True

    @property
    def begins_another(self) -> bool:
        """Of a swap that is completed it is a new one, with all that may stand in its way."""
        return isinstance(self.check(Place(SwapState.COMPLETED)), NewSwap)


def not_now(command: Command, place: Place) -> NotPossible:
    return NotPossible(f"{command} is not possible in {place.state}")
