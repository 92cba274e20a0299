"""Swaps: begin one, follow it, command it."""

import uuid
from typing import Annotated, Any

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Header, Query, Router
from ninja.errors import AuthenticationError
from pydantic import StringConstraints

from swaps.access.roles import Action, Actor
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of, token_of
from swaps.api.looks import WaitingBearer, look
from swaps.api.schemas import (
    CommandBody,
    ExtendDrainBody,
    Listing,
    Name,
    NewSwap,
    PageQuery,
    PromoteBody,
)
from swaps.api.stream import wait_for_end
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.commands import apply_command, request_swap
from swaps.engine.requests import find_swap
from swaps.models import SwapOperation
from swaps.readings.events import EventReading, read_events
from swaps.readings.swaps import SwapReading, read_swap, read_swaps

router = Router(tags=["swaps"])

LONGEST_WAIT_SECONDS = 600

IdempotencyKey = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")
]


class SwapQuery(PageQuery):
    model: Name | None = None
    state: SwapState | None = None


@router.post(
    "/swaps",
    auth=Bearer(Action.SWAP),
    response={202: SwapReading, **problems(400, 404, 409, 422, 503)},
    summary="Begin a swap",
)
def begin_swap(
    request: HttpRequest,
    body: NewSwap,
    idempotency_key: Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key")] = None,
) -> HttpResponse:
    actor = actor_of(request)
    swap = request_swap(actor=actor, idempotency_key=idempotency_key or "", **body.dict())
    return _accepted(swap, actor)


@router.get(
    "/swaps",
    auth=Bearer(),
    response={200: Listing[SwapReading], **problems(422)},
    summary="Swaps, the newest first",
)
def list_swaps(request: HttpRequest, query: Query[SwapQuery]) -> HttpResponse:
    page = read_swaps(
        query.model,
        query.state,
        scope=actor_of(request).models,
        cursor=query.cursor,
        limit=query.limit,
    )
    return answer_page(request, page)


@router.get(
    "/swaps/{uuid:swap_id}",
    auth=WaitingBearer(waits_by="wait_seconds"),
    response={200: SwapReading, **problems(404, 422)},
    summary="A swap as it is now, or once it is over",
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
    response={200: Listing[EventReading], **problems(404)},
    summary="A swap's timeline, the oldest first",
)
def list_events(request: HttpRequest, swap_id: uuid.UUID) -> HttpResponse:
    # Bounded by nature: a swap has some dozens, and all of them make one story.
    events = read_events(find_swap(swap_id, seen_by=actor_of(request)))
    return answer({"items": [event.as_json() for event in events], "next": None})


COMMAND_ANSWERS: dict[int, Any] = {202: SwapReading, **problems(400, 404, 409, 422)}
_WITH_FIELDS = {Command.PROMOTE, Command.EXTEND_DRAIN}


def _add_command(command: Command) -> None:
    @router.post(
        f"/swaps/{{uuid:swap_id}}/{command}",
        auth=Bearer(Action(command.value)),
        response=COMMAND_ANSWERS,
        operation_id=f"swap_{command.replace('-', '_')}",
        summary=f"{command.replace('-', ' ').capitalize()} a swap",
    )
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
    summary="Pass this step, or with `full` all of them",
)
def promote(
    request: HttpRequest, swap_id: uuid.UUID, body: PromoteBody | None = None
) -> HttpResponse:
    body = body or PromoteBody()
    return _carry_out(request, swap_id, Command.PROMOTE, body, full=body.full)


@router.post(
    "/swaps/{uuid:swap_id}/extend-drain",
    auth=Bearer(Action.EXTEND_DRAIN),
    response=COMMAND_ANSWERS,
    summary="Give the old version longer to finish",
)
def extend_drain(
    request: HttpRequest, swap_id: uuid.UUID, body: ExtendDrainBody | None = None
) -> HttpResponse:
    body = body or ExtendDrainBody()
    return _carry_out(request, swap_id, Command.EXTEND_DRAIN, body, seconds=body.seconds)


def _carry_out(
    request: HttpRequest, swap_id: uuid.UUID, command: Command, body: CommandBody, **options: Any
) -> HttpResponse:
    actor = actor_of(request)
    swap = apply_command(swap_id, command, actor=actor, reason=body.reason, **options)
    return _accepted(swap, actor)


def _accepted(swap: SwapOperation, actor: Actor) -> HttpResponse:
    # Read again: what a command changed may be an expression that only the database knows.
    swap = find_swap(swap.pk, seen_by=actor)
    return answer(
        read_swap(swap, scope=actor.models),
        status=202,
        location=reverse("api:swap", kwargs={"swap_id": swap.pk}),
    )
