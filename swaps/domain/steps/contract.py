"""What a kind of step says of itself: all that engine, doors and handbook know of it.

A kind is a frozen dataclass in a file of its own, listed in `swaps.domain.steps`. Its values are
what was asked for; its class says how that is written, its methods what it means.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from swaps.domain.decisions import Step

# Of a kind's JSON where it has no fields.
NOTHING: Mapping[str, Any] = {"type": ["object", "null"], "maxProperties": 0}


class StrategyInvalid(ValueError):
    """A strategy that cannot be followed; the message names the step."""


@dataclass(frozen=True, slots=True)
class Field:
    """One value in a step's JSON, for the API's document and for the editor of steps."""

    path: tuple[str, ...]  # where it stands, the kind's own key first
    label: str  # "Percent"
    unit: str  # "%", shown behind the value
    usual: str  # what a new step begins with
    schema: Mapping[str, Any]  # in the words of JSON Schema


@dataclass(frozen=True, slots=True)
class AtStep:
    """What a step is asked about: where the swap stands, at one moment."""

    now: datetime
    entered_at: datetime  # when this step began
    percent: int  # the new version's weight
    promoted: bool  # somebody said to pass this very step


@dataclass(frozen=True, slots=True)
class Passed:
    """The step is over; `reason` is the sentence that the operator reads."""

    reason: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """A step in the picture of a strategy, which is the new version's weight over time."""

    length: timedelta = field(default=timedelta())  # the picture stands still for so long
    until: str = ""  # what ends it, where that is no time


@dataclass(frozen=True, slots=True)
class StrategyStep(ABC):
    kind: ClassVar[str]  # its name in readings
    key: ClassVar[str]  # its name in JSON
    title: ClassVar[str]  # its name in the editor of steps
    shape: ClassVar[str]  # how it is written, with words for its values
    meaning: ClassVar[str]  # one sentence, for the handbook and the API's document
    fields: ClassVar[tuple[Field, ...]] = ()

    @classmethod
    @abstractmethod
    def parse(cls, given: object, number: int) -> Self | None:
        """None: it is no step of this kind. `number` counts from one.

        Raises StrategyInvalid for a step of this kind that cannot be followed.
        """

    @abstractmethod
    def as_json(self) -> dict[str, Any]:
        """As `parse` takes it."""

    @property
    @abstractmethod
    def words(self) -> str:
        """What it does, as operators read it: `25 %`, `hold 60 s`. All of it: who approves a
        swap approves these words.
        """

    @property
    def weight(self) -> int | None:
        """The percentage that the new version gets by it; None: it moves nothing."""
        return None

    @property
    @abstractmethod
    def lasts(self) -> timedelta | None:
        """How long it stands still where nobody promotes; None: until somebody does."""

    @property
    def drawn(self) -> Drawn:
        return Drawn(self.lasts or timedelta())

    def misplaced(self, weight: int) -> str:
        """Why it cannot follow a weight of so many percent, 0 before the first; "": it can."""
        # It would be passed over in silence: traffic would move without what it waits for.
        if weight == 0:
            return "there is nothing to hold before the first weight"
        return "there is nothing to hold after 100 %" if weight == 100 else ""

    @abstractmethod
    def passing(self, at: AtStep) -> Passed | Step:
        """Whether it is over; if not, what is to be done meanwhile, most often to wait.

        Asked once the weight that it stands at is applied everywhere, never of a weight itself.
        """

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """Of its JSON."""
        schema: dict[str, Any] = {}
        values = {one.path: one.schema for one in cls.fields} or {(cls.key,): NOTHING}
        for path, inner in values.items():
            place = schema
            for name in path:
                place.setdefault("type", "object")
                place.setdefault("additionalProperties", False)
                if name not in place.setdefault("required", []):
                    place["required"].append(name)
                place = place.setdefault("properties", {}).setdefault(name, {})
            place.update(inner)
        return schema | {"description": cls.meaning}
