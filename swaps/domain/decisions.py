"""What the decision can say: one step, with the sentence that the operator reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from swaps.domain.states import SwapState


@dataclass(frozen=True, slots=True)
class RouteChange:
    """A new revision of the model's route."""

    weights: Mapping[str, int]
    pinned: frozenset[str]
    gone: str | None = None  # its pinned path answers 410 from this revision on
    watch: str | None = None  # open the drain watch of this version with this revision


@dataclass(frozen=True, slots=True)
class Want:
    """An intent: this version shall be loaded on, or absent from, these hosts."""

    version: str
    hosts: tuple[str, ...]
    loaded: bool


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do now. `until`: look again then, if nothing wakes us before."""

    reason: str
    until: datetime | None = None
    # Only an operator can move it on.
    asks_operator: bool = False
    # An ack or a proof is due in milliseconds: worth a worker's short wait.
    moment: bool = False


@dataclass(frozen=True, slots=True)
class MoveTo:
    """Another state, with the desired state that belongs to it, in one transaction."""

    state: SwapState
    reason: str
    want: Want | None = None
    route: RouteChange | None = None
    step_index: int | None = None
    failure: str = ""  # why the engine gave up; makes the end Failed


@dataclass(frozen=True, slots=True)
class Proceed:
    """Onward within the state: a new weight, or the next step of the strategy."""

    reason: str
    step_index: int | None = None
    route: RouteChange | None = None
    want: Want | None = None
    drained: bool = False
    reload: bool | None = None  # the new version's loading anew begins, or is over


class Call(StrEnum):
    LOOK = "look"  # ask for the status
    LOAD = "load"
    ANSWER = "answer"  # a real inference, then the warm-up
    UNLOAD = "unload"


@dataclass(frozen=True, slots=True)
class CallHosts:
    """Ask hosts for something, outside any transaction; what they say goes into rows."""

    call: Call
    version: str
    hosts: tuple[str, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class PassReturn:
    """The point of no return: commits only if route and nodes are as they were decided on."""

    version: str  # to be unloaded
    hosts: tuple[str, ...]
    reason: str
    forced: bool = False


Step = Wait | MoveTo | Proceed | CallHosts | PassReturn
