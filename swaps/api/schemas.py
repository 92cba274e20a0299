"""What bodies and queries may hold. A field that nobody knows is refused: a misspelt limit
that is silently ignored would be found out in an outage.
"""

from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import AfterValidator, ConfigDict, Field, StringConstraints

from swaps.domain.names import MAX_NAME_LENGTH
from swaps.engine.requests import LONGEST_SECONDS
from swaps.readings.pages import DEFAULT_LIMIT, MAX_LIMIT


def storable(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character is not allowed")
    return text


Name = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH), AfterValidator(storable)
]
Reason = Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]
Query = Annotated[str, StringConstraints(max_length=500), AfterValidator(storable)]
Timeout = Annotated[int, Field(ge=1, le=LONGEST_SECONDS)]
Duration = Annotated[int, Field(ge=0, le=LONGEST_SECONDS)]
Policy = Literal["wait", "rollback", "force"]
Strategy = Annotated[
    str | dict[str, Any],
    Field(
        description="a ready-made name (all-at-once, canary, linear), or "
        '{"name", "steps": [{"setWeight": 5}, {"pause": {"duration": 60}}, {"pause": {}}], '
        '"stickyHeader"}'
    ),
]


class Body(Schema):
    model_config = ConfigDict(extra="forbid", strict=True)


class NewSwap(Body):
    model_name: Name
    from_version: Name
    to_version: Name
    strategy: Strategy | None = None
    target_hosts: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    drain_timeout_seconds: Duration | None = None
    load_timeout_seconds: Timeout | None = None
    swap_timeout_seconds: Timeout | None = None
    on_drain_timeout: Policy | None = None
    keep_warm_seconds: Duration | None = None
    min_ready_hosts: Annotated[int, Field(ge=1, le=1000)] | None = None
    when_busy: Literal["reject", "queue"] = "reject"
    reason: Reason = ""


class Activation(Body):
    target_hosts: Annotated[list[Name], Field(min_length=1, max_length=1000)] | None = None
    reason: Reason = ""


class CommandBody(Body):
    reason: Reason = ""


class PromoteBody(CommandBody):
    full: bool = False


class ExtendDrainBody(CommandBody):
    seconds: Timeout | None = None


class NewHost(Body):
    name: Name
    kind: Name
    url: Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(storable)]
    control_token: Annotated[str, StringConstraints(max_length=1000), AfterValidator(storable)] = ""
    max_concurrent_loads: Annotated[int, Field(ge=1, le=100)] = 1


class NewModel(Body):
    name: Name
    sample_request: dict[str, Any] | None = None
    default_strategy: Strategy | None = None
    drain_timeout_seconds: Duration | None = None
    load_timeout_seconds: Timeout | None = None
    on_drain_timeout: Policy | None = None
    keep_warm_seconds: Duration | None = None


class Listing[T](Schema):
    """A page of a list. `next` is the path of the following page, null on the last."""

    items: list[T]
    next: str | None


class PageQuery(Schema):
    cursor: Query | None = None
    limit: Annotated[int, Field(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
