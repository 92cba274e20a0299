"""`{"setWeight": 25}`: so many percent of the traffic go to the new version."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from swaps.domain.steps.contract import AtStep, Field, Passed, StrategyInvalid, StrategyStep


@dataclass(frozen=True, slots=True)
class SetWeight(StrategyStep):
    percent: int

    kind: ClassVar[str] = "set-weight"
    key: ClassVar[str] = "setWeight"
    title: ClassVar[str] = "set weight"
    shape: ClassVar[str] = '{"setWeight": percent}'
    meaning: ClassVar[str] = (
        "So many percent of the traffic, 1 to 100, go to the new version: more than by the weight "
        "before."
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            ("setWeight",), "Percent", "%", "50", {"type": "integer", "minimum": 1, "maximum": 100}
        ),
    )

    @classmethod
    def parse(cls, given: object, number: int) -> Self | None:
        match given:
            case {"setWeight": int(percent), **rest} if not rest and not isinstance(percent, bool):
                if not 1 <= percent <= 100:
                    raise StrategyInvalid(
                        f"step {number}: weight {percent} is not between 1 and 100"
                    )
                return cls(percent)
        return None

    def as_json(self) -> dict[str, Any]:
        return {"setWeight": self.percent}

    @property
    def words(self) -> str:
        return f"{self.percent} %"

    @property
    def weight(self) -> int:
        return self.percent

    @property
    def lasts(self) -> timedelta:
        return timedelta()

    def misplaced(self, weight: int) -> str:
        return f"weights grow, {self.percent} ≤ {weight}" if self.percent <= weight else ""

    def passing(self, at: AtStep) -> Passed:
        return Passed(self.words)
