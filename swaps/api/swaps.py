"""Swaps: begin one, follow it, command it."""

import uuid
from typing import Annotated, Literal

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router
from ninja.errors import AuthenticationError
from pydantic import AwareDatetime, Field

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of, token_of
from swaps.api.looks import WaitingBearer
from swaps.api.repeatable import repeatable
from swaps.api.schemas import (
    Body,
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
from swaps.api.swap_commands import accepted, add_commands
from swaps.commands.swaps.operations import request_swap
from swaps.commands.swaps.requests import find_swap
from swaps.domain.commands import ENTRIES
from swaps.domain.states import Phase, SwapState
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
    return accepted(request_swap(actor=actor, **body.dict()), actor)


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


add_commands(router, ENTRIES.values())
