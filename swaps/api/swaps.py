"""Swaps: begin one, follow it, command it."""

import uuid
from typing import Annotated, Any, Literal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Query, Router
from ninja.errors import AuthenticationError
from pydantic import AwareDatetime, Field

from swaps.access.roles import Action, Actor
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of, token_of
from swaps.api.looks import WaitingBearer
from swaps.api.repeatable import repeatable
from swaps.api.schemas import (
    Body,
    CommandBody,
    Duration,
    Listing,
    Name,
    PageQuery,
    Policy,
    Reason,
    Strategy,
    Timeout,
)
from swaps.api.schemas import Query as Text
from swaps.api.stream import wait_for_end
from swaps.commands.swaps.operations import apply_command, request_swap
from swaps.commands.swaps.requests import find_swap
from swaps.domain.commands import Command
from swaps.domain.seen import UNSEEN, Seen
from swaps.domain.states import Phase, SwapState
from swaps.models import SwapOperation
from swaps.readings.shared.looks import look
from swaps.readings.swap.events import EventReading, read_events
from swaps.readings.swap.swaps import SwapReading, read_swap, read_swaps

router = Router(tags=["swaps"])

LONGEST_WAIT_SECONDS = 600


class NewSwap(Body):
    """What is left out stands at the model's default."""

    model_name: Annotated[Name, Field(examples=["iris"])]
    from_version: Annotated[
        Name, Field(description="the version that holds all traffic", examples=["1.0"])
    ]
    to_version: Annotated[Name, Field(description="the version to put in place", examples=["1.1"])]
    strategy: Strategy | None = None
    target_hosts: Annotated[
        list[Name] | None,
        Field(min_length=1, max_length=1000, description="by default those of the old version"),
    ] = None
    drain_timeout_seconds: Duration | None = None
    load_timeout_seconds: Timeout | None = None
    swap_timeout_seconds: Annotated[
        Timeout | None,
        Field(
            description="of the whole swap, from its turn: no wait in line or for approval counts"
        ),
    ] = None
    on_drain_timeout: Policy | None = None
    keep_warm_seconds: Annotated[
        Duration | None, Field(description="the old version stays loaded for so long")
    ] = None
    min_ready_hosts: Annotated[
        int | None,
        Field(ge=1, le=1000, description="go on when so many are ready; by default all must be"),
    ] = None
    when_busy: Annotated[
        Literal["reject", "queue"], Field(description="when the model has an open swap")
    ] = "reject"
    reason: Reason = ""


class PromoteBody(CommandBody):
    full: Annotated[bool, Field(description="pass all steps, not this one alone")] = False


class RollbackBody(CommandBody):
    of_rollback: Annotated[
        bool,
        Field(
            description="the swap is itself a roll back, which is known: the version that was "
            "rolled back serves again"
        ),
    ] = False


class ExtendDrainBody(CommandBody):
    seconds: Annotated[Timeout | None, Field(description="30 when left out")] = None


class SwapQuery(PageQuery):
    model: Name | None = None
    state: SwapState | None = None
    phase: Phase | None = None
    requested_by: Annotated[Text | None, Field(description="a user's name")] = None
    since: Annotated[AwareDatetime | None, Field(description="asked for then or later")] = None
    until: Annotated[AwareDatetime | None, Field(description="asked for before then")] = None
    sort: Annotated[Literal["-start_time", "start_time"], Field(description="- is descending")] = (
        "-start_time"
    )


@router.post(
    "/swaps",
    auth=Bearer(Action.SWAP),
    response={
        202: SwapReading,
        **problems(
            "model-not-found",
            "swap-in-progress",
            "queue-held",
            "version-not-found",
            "version-not-active",
            "host-unreachable",
            "still-running",
            body=True,
        ),
    },
    summary="Begin a swap",
    description="Answers once it is committed; follow it by `GET swaps/{swap_id}` or its stream. "
    'One open swap a model: another is 409, or waits in line with `when_busy` "queue".',
)
@repeatable()
def begin_swap(request: HttpRequest, body: NewSwap) -> HttpResponse:
    actor = actor_of(request)
    return _accepted(request_swap(actor=actor, **body.dict()), actor)


@router.get(
    "/swaps",
    auth=Bearer(),
    response={200: Listing[SwapReading], **problems("invalid-request")},
    summary="Swaps, the newest first",
    description="Open ones, those in line and those that are over.",
)
def list_swaps(request: HttpRequest, query: Query[SwapQuery]) -> HttpResponse:
    wanted = query.dict(exclude={"sort"})
    descending = query.sort.startswith("-")
    page = read_swaps(**wanted, descending=descending, scope=actor_of(request).models)
    return answer_page(request, page)


@router.get(
    "/swaps/{uuid:swap_id}",
    auth=WaitingBearer(waits_by="wait_seconds"),
    response={200: SwapReading, **problems("swap-not-found", "not-found", "invalid-request")},
    summary="A swap as it is now, or once it is over",
    description="With `wait_seconds` the answer comes when the swap is over, or after that time.",
    url_name="swap",
)
async def show_swap(
    request: HttpRequest,
    swap_id: uuid.UUID,
    wait_seconds: Annotated[
        float,
        Query(ge=0, le=LONGEST_WAIT_SECONDS, description="answer when it is over, or after this"),
    ] = 0,
) -> HttpResponse:
    actor = actor_of(request)

    def read() -> SwapReading:
        return read_swap(find_swap(swap_id, seen_by=actor), scope=actor.models)

    if not wait_seconds:
        return answer(await sync_to_async(read)())
    await look(find_swap, swap_id, seen_by=actor)
    if not await wait_for_end(swap_id, token_of(request), wait_seconds):
        raise AuthenticationError
    return answer(await look(read))


@router.get(
    "/swaps/{uuid:swap_id}/events",
    auth=Bearer(),
    response={200: Listing[EventReading], **problems("swap-not-found", "not-found")},
    summary="A swap's timeline, the oldest first",
    description="All of it: `next` is always null.",
)
def list_events(request: HttpRequest, swap_id: uuid.UUID) -> HttpResponse:
    # Bounded by nature: a swap has some dozens, and all of them make one story.
    events = read_events(find_swap(swap_id, seen_by=actor_of(request)))
    return answer({"items": [event.as_json() for event in events], "next": None})


_COMMANDED = ("swap-not-found", "not-found", "not-possible-now", "still-running")
# Rolling back a swap that is over begins another.
_REVERSED = ("swap-in-progress", "version-not-found", "version-not-active", "host-unreachable")
COMMAND_ANSWERS: dict[int, Any] = {202: SwapReading, **problems(*_COMMANDED, body=True)}
ROLLBACK_ANSWERS: dict[int, Any] = {
    202: SwapReading,
    **problems(*_COMMANDED, *_REVERSED, body=True),
}
COMMAND_TITLES = {
    Command.FORCE_UNLOAD: "Force the unload of",
    Command.ROLL_FORWARD: "Roll forward",
}
COMMAND_WORDS = {
    Command.CANCEL: "Before traffic moved: what the swap loaded is unloaded.",
    Command.PAUSE: "Keep the weights as they are, until it is resumed or promoted.",
    Command.RESUME: "Go on with the steps.",
    Command.FORCE_UNLOAD: "Unload the old version though requests run on it: they fail. It never "
    "covers a node that is away. Administrators only.",
    Command.ROLL_FORWARD: "Of a swap that rolls back: the new version stays after all.",
}
_WITH_FIELDS = {Command.PROMOTE, Command.EXTEND_DRAIN, Command.ROLLBACK}


def _add_command(command: Command) -> None:
    @router.post(
        f"/swaps/{{uuid:swap_id}}/{command}",
        auth=Bearer(Action(command.value)),
        response=COMMAND_ANSWERS,
        operation_id=command.replace("-", "_"),
        summary=f"{COMMAND_TITLES.get(command, command.value.capitalize())} a swap",
        description=COMMAND_WORDS[command],
    )
    @repeatable()
    def run(
        request: HttpRequest, swap_id: uuid.UUID, body: CommandBody | None = None
    ) -> HttpResponse:
        return _carry_out(request, swap_id, command, body or CommandBody())


for _command in Command:
    if _command not in _WITH_FIELDS:
        _add_command(_command)


@router.post(
    "/swaps/{uuid:swap_id}/promote",
    auth=Bearer(Action.PROMOTE),
    response=COMMAND_ANSWERS,
    summary="Promote a swap",
    description="Pass this step, or with `full` all of them; end the bake time while it drains. "
    f"For {UNSEEN.total_seconds():g} s after a hold was passed, one that does not say in `seen` "
    "which step it means is refused: it may have meant the hold before.",
)
@repeatable()
def promote(
    request: HttpRequest, swap_id: uuid.UUID, body: PromoteBody | None = None
) -> HttpResponse:
    body = body or PromoteBody()
    return _carry_out(request, swap_id, Command.PROMOTE, body, full=body.full)


@router.post(
    "/swaps/{uuid:swap_id}/rollback",
    auth=Bearer(Action.ROLLBACK),
    response=ROLLBACK_ANSWERS,
    summary="Roll back a swap",
    description="Back to the old version. Of a completed swap it is a new swap, reversed. Of that "
    "one, a roll back itself, only with `of_rollback`: of two who roll back the same, the second "
    "would undo the first.",
)
@repeatable()
def rollback(
    request: HttpRequest, swap_id: uuid.UUID, body: RollbackBody | None = None
) -> HttpResponse:
    body = body or RollbackBody()
    return _carry_out(request, swap_id, Command.ROLLBACK, body, of_rollback=body.of_rollback)


@router.post(
    "/swaps/{uuid:swap_id}/extend-drain",
    auth=Bearer(Action.EXTEND_DRAIN),
    response=COMMAND_ANSWERS,
    summary="Extend the drain of a swap",
    description="Give the old version longer to finish what it has.",
)
@repeatable()
def extend_drain(
    request: HttpRequest, swap_id: uuid.UUID, body: ExtendDrainBody | None = None
) -> HttpResponse:
    body = body or ExtendDrainBody()
    return _carry_out(request, swap_id, Command.EXTEND_DRAIN, body, seconds=body.seconds)


def _carry_out(
    request: HttpRequest, swap_id: uuid.UUID, command: Command, body: CommandBody, **options: Any
) -> HttpResponse:
    actor = actor_of(request)
    seen = Seen(**body.seen.dict()) if body.seen else None
    swap = apply_command(swap_id, command, actor=actor, reason=body.reason, seen=seen, **options)
    return _accepted(swap, actor)


def _accepted(swap: SwapOperation, actor: Actor) -> HttpResponse:
    # Read again: what a command changed may be an expression that only the database knows.
    swap = find_swap(swap.pk, seen_by=actor)
    return answer(
        read_swap(swap, scope=actor.models),
        status=202,
        location=reverse("api:swap", kwargs={"swap_id": swap.pk}),
    )
