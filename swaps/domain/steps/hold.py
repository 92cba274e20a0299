"""`{"pause": {"duration": 60}}`: the weight stands for so many seconds."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar, Self

from swaps.domain.decisions import Wait
from swaps.domain.steps.contract import AtStep, Field, Passed, StrategyInvalid, StrategyStep

MAX_HOLD_SECONDS = 7 * 24 * 3600
MIN_HOLD_SECONDS = 0.001  # shorter ones round to nothing, and would not be read back


@dataclass(frozen=True, slots=True)
class Hold(StrategyStep):
    duration: timedelta

    kind: ClassVar[str] = "hold"
    key: ClassVar[str] = "pause"
    title: ClassVar[str] = "hold"
    shape: ClassVar[str] = '{"pause": {"duration": seconds}}'
    meaning: ClassVar[str] = (
        "The weight stands for so many seconds, from 1 ms to 7 days, or until somebody promotes."
    )
    fields: ClassVar[tuple[Field, ...]] = (
        Field(
            ("pause", "duration"),
            "Seconds",
            "s",
            "60",
            {"type": "number", "minimum": MIN_HOLD_SECONDS, "maximum": MAX_HOLD_SECONDS},
        ),
    )

    @classmethod
    def parse(cls, given: object, number: int) -> Self | None:
        match given:
            case {"pause": {"duration": int(seconds) | float(seconds), **more}, **rest} if (
                not rest and not more and not isinstance(seconds, bool)
            ):
                if not MIN_HOLD_SECONDS <= seconds <= MAX_HOLD_SECONDS:
                    raise StrategyInvalid(
                        f"step {number}: a hold lasts from 1 ms to 7 days, not {seconds} s"
                    )
                return cls(timedelta(seconds=seconds))
        return None

    def as_json(self) -> dict[str, Any]:
        return {"pause": {"duration": self.duration.total_seconds()}}

    @property
    def words(self) -> str:
        return f"hold {_exactly(self.duration)}"

    @property
    def lasts(self) -> timedelta:
        return self.duration

    def passing(self, at: AtStep) -> Passed | Wait:
        if at.promoted:
            return Passed("promoted")
        until = at.entered_at + self.duration
        if at.now >= until:
            return Passed(f"held at {at.percent} %")
        return Wait(f"holding at {at.percent} %", until)


def _exactly(duration: timedelta) -> str:
    """`60 s`, `2 min 5 s`, `168 h`: legible, and nothing of it rounded."""
    whole = duration.total_seconds()
    if whole < 120:
        return f"{whole:.12g} s"
    hours, rest = divmod(whole, 3600)
    minutes, seconds = divmod(rest, 60)
    parts = ((hours, "h"), (minutes, "min"), (round(seconds, 6), "s"))
    return " ".join(f"{number:.12g} {unit}" for number, unit in parts if number)
