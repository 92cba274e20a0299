"""`{"pause": {}}`: the weight stands until somebody promotes."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from swaps.domain.decisions import Wait
from swaps.domain.steps.contract import AtStep, Drawn, Passed, StrategyStep

# It has no length: it is drawn as long as this.
DRAWN = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Pause(StrategyStep):
    kind: ClassVar[str] = "pause"
    key: ClassVar[str] = "pause"
    title: ClassVar[str] = "wait until promoted"
    shape: ClassVar[str] = '{"pause": {}}'
    meaning: ClassVar[str] = "The weight stands until somebody promotes."

    @classmethod
    def parse(cls, given: object, number: int) -> Self | None:
        match given:
            case {"pause": pause, **rest} if not rest and (pause is None or pause == {}):
                return cls()
        return None

    def as_json(self) -> dict[str, Any]:
        return {"pause": {}}

    @property
    def words(self) -> str:
        return "wait until promoted"

    @property
    def lasts(self) -> None:
        return None

    @property
    def drawn(self) -> Drawn:
        return Drawn(DRAWN, "until promoted")

    def passing(self, at: AtStep) -> Passed | Wait:
        if at.promoted:
            return Passed("promoted")
        return Wait("paused until promoted", asks_operator=True)
