"""What bodies and queries have in common. Those of one call stand beside it.

A field or parameter that nobody knows is refused: a misspelt limit that is silently ignored
would be found out in an outage.
"""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import (
    AfterValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from swaps.commands.swaps.requests import LONGEST_SECONDS
from swaps.domain.commands import CommandEntry
from swaps.domain.names import MAX_NAME_LENGTH
from swaps.domain.states import SwapState
from swaps.domain.steps import KINDS
from swaps.domain.strategies import MAX_STEPS, READY_MADE
from swaps.domain.texts import require_storable
from swaps.readings.shared.pages import DEFAULT_LIMIT, MAX_LIMIT

Name = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH),
    AfterValidator(require_storable),
]
Reason = Annotated[
    str,
    StringConstraints(max_length=2000),
    AfterValidator(require_storable),
    Field(description="for whoever reads the timeline and the audit log", examples=["ticket 481"]),
]
Query = Annotated[str, StringConstraints(max_length=500), AfterValidator(require_storable)]
LARGEST = 2**63 - 1  # of what a row counts
Timeout = Annotated[int, Field(ge=1, le=LONGEST_SECONDS)]
Duration = Annotated[int, Field(ge=0, le=LONGEST_SECONDS)]
Policy = Annotated[
    Literal["wait", "rollback", "force"],
    Field(
        description="when the old version is not idle by the drain deadline: ask the operator, go "
        "back, or unload it anyway (administrators only)"
    ),
]
Role = Literal["viewer", "operator", "administrator"]
_KINDS = ", ".join(kind.shape for kind in KINDS)
Strategy = Annotated[
    str | dict[str, Any],
    Field(
        description=f"a name ({', '.join(READY_MADE)}, or one that an administrator gave), or "
        f'{{"name", "steps", "stickyHeader"}} with steps of the kinds {_KINDS}',
        examples=["canary", {"steps": [{"setWeight": 10}, {"pause": {}}]}],
    ),
]
SampleRequest = Annotated[
    dict[str, Any],
    Field(
        description="an infer body that the model answers: warm-up sends it",
        examples=[{"inputs": [{"name": "x", "shape": [1, 1], "datatype": "FP32", "data": [1.0]}]}],
    ),
]


class Body(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)


class SeenBody(Body):
    """Where the swap stood when this was decided, in the words of its reading; any of them."""

    generation: Annotated[int | None, Field(ge=0, le=LARGEST)] = None
    state: Annotated[SwapState, Field(strict=False)] | None = None
    step_index: Annotated[int | None, Field(ge=0, le=MAX_STEPS)] = None


class CommandBody(Body):
    reason: Reason = ""
    seen: Annotated[
        SeenBody | None,
        Field(description="a swap that is elsewhere by now is left alone: 409 says what happened"),
    ] = None


def body_name(entry: CommandEntry) -> str:
    """PromoteBody; of a command that takes nothing else, the body of them all."""
    words = entry.command.split("-") if entry.fields else ["command"]
    return f"{''.join(word.capitalize() for word in words)}Body"


class Listing[T](Schema):
    """A page of a list. `next` is the path of the following page, null on the last."""

    items: list[T]
    next: str | None


class PageQuery(Schema):
    cursor: Annotated[
        Query | None, Field(description="where the page begins: `next` of the page before has it")
    ] = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT, description="items on a page")] = DEFAULT_LIMIT

    @model_validator(mode="before")
    @classmethod
    def _nothing_else(cls, data: Any, info: ValidationInfo) -> Any:
        """A filter that is misspelt must not give everything."""
        asked = info.context["request"].GET if info.context else {}
        for name in sorted(set(asked) - set(cls.model_fields)):
            raise ValueError(
                f"no parameter {name[:100]!r}; there are {', '.join(cls.model_fields)}"
            )
        return data


class NamedQuery(PageQuery):
    sort: Annotated[Literal["name", "-name"], Field(description="- is descending")] = "name"

    @property
    def page(self) -> dict[str, Any]:
        return {
            "descending": self.sort.startswith("-"),
            "cursor": self.cursor,
            "limit": self.limit,
        }
