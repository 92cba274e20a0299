"""A swap's events and progress as server-sent events, and a GET that waits for its end.

Whoever waits here holds neither a thread nor a database connection.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Literal

from django.http import HttpRequest, StreamingHttpResponse
from ninja import Header, Query, Router, Schema
from pydantic import Field

from swaps.api.answers import problems
from swaps.api.bearer import actor_of, token_of
from swaps.api.following import following
from swaps.api.looks import WaitingBearer
from swaps.commands.swaps.requests import find_swap
from swaps.readings.shared.looks import give_back_thread, look

router = Router(tags=["swaps"])

HEARTBEAT_SECONDS = 15.0
# How long a browser's EventSource waits before it comes back.
COME_BACK_AFTER_MS = 1000

MAX_GENERATION = 2**63 - 1


class StreamedEvent(Schema):
    """One server-sent event. `data` is JSON: an event of the swap's timeline, its progress, or
    at the end the swap itself.
    """

    event: Literal["created", "transition", "step", "command", "problem", "progress", "end"]
    data: str
    id: Annotated[
        str | None, Field(description="the generation, for Last-Event-ID; progress has none")
    ] = None


@router.get(
    "/swaps/{uuid:swap_id}/stream",
    auth=WaitingBearer(),
    response={200: StreamedEvent, **problems("swap-not-found", "not-found", "invalid-request")},
    summary="Follow a swap until it is over",
    description="Server-sent events: each of its events in order, progress in between, the end at "
    "last. Who comes back with `Last-Event-ID` misses nothing.",
)
async def stream(
    request: HttpRequest,
    swap_id: uuid.UUID,
    after: Annotated[
        int | None,
        Query(ge=-1, le=MAX_GENERATION, description="only events after this generation"),
    ] = None,
    last_event_id: Annotated[
        int | None,
        Header(
            alias="Last-Event-ID",
            ge=-1,
            le=MAX_GENERATION,
            description="the same; it counts when both are given",
        ),
    ] = None,
) -> StreamingHttpResponse:
    await look(find_swap, swap_id, seen_by=actor_of(request))
    place = last_event_id if last_event_id is not None else after
    messages = follow(swap_id, token_of(request), after=-1 if place is None else place)
    return StreamingHttpResponse(
        messages,
        content_type="text/event-stream",
        # A proxy that gathers an answer before it passes it on would hold back the events.
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


async def follow(swap_id: uuid.UUID, token: str, *, after: int) -> AsyncIterator[str]:
    # Only here: on its way back the answer passes middleware that takes a thread for it.
    give_back_thread()
    async with following().follow(swap_id, token) as (feed, follower):
        yield f"retry: {COME_BACK_AFTER_MS}\n\n"
        progress = ""
        while follower.allowed:
            moved = feed.moved
            for generation, message in feed.events:
                if generation > after and follower.allowed:
                    yield message
                    after = generation
            if not follower.allowed:
                return
            if feed.ending:
                yield feed.ending
                return
            if feed.progress != progress:
                progress = feed.progress
                yield progress
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await moved.wait()
            except TimeoutError:
                yield ": nothing new, still here\n\n"


async def wait_for_end(swap_id: uuid.UUID, token: str, seconds: float) -> bool:
    """Until the swap is over or the time is. False: the token may no longer look."""
    give_back_thread()
    async with following().follow(swap_id, token) as (feed, follower):
        try:
            async with asyncio.timeout(seconds):
                while follower.allowed and not feed.ending:
                    await feed.moved.wait()
        except TimeoutError:
            pass
        return follower.allowed
