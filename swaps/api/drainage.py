"""Waiting until a version is idle, without a thread or a connection for each who waits."""

import asyncio
import time
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from swaps.api.answers import answer, problems
from swaps.api.bearer import actor_of
from swaps.api.looks import WaitingBearer
from swaps.api.problems import NotFound, problem
from swaps.commands.errors import ModelNotFound, VersionNotFound
from swaps.commands.swaps.drainage import close_watch, open_watch, unanswered
from swaps.commands.swaps.requests import find_model
from swaps.domain.names import name_problem
from swaps.readings.shared.looks import give_back_thread, look

router = Router(tags=["models"])

LONGEST_SECONDS = 600
# An idle version is proven within some flushes of 10 ms; what is busy takes as long as its
# requests, and a look more or less a second does not matter then.
FIRST_LOOK_SECONDS = 0.02
SLOWEST_LOOK_SECONDS = 0.25


class Drained(Schema):
    drained: bool


@router.get(
    "/models/{model}/versions/{version}/drainage",
    auth=WaitingBearer(),
    response={
        200: Drained,
        **problems(
            "model-not-found", (404, "version-not-found"), "invalid-request", "drain-timeout"
        ),
    },
    summary="Wait until a version is idle",
    description="Until every node has seen no request on it, whatever its weight, in two looks "
    "that began after the call.",
)
async def wait_for_drainage(
    request: HttpRequest,
    model: str,
    version: str,
    timeout_seconds: Annotated[float, Query(ge=0, le=LONGEST_SECONDS)] = 30,
) -> HttpResponse:
    deadline = time.monotonic() + timeout_seconds
    if name_problem(model, of="model"):
        raise ModelNotFound(f"no model {model!r} is registered")
    try:
        if name_problem(version, of="version"):
            raise VersionNotFound(f"no host has version {version!r} of {model}")
        await look(find_model, model, seen_by=actor_of(request))
        watch = await look(open_watch, model, version)
    except VersionNotFound as error:
        # Here the version is what the path names.
        raise NotFound(error.code, str(error)) from error
    give_back_thread()
    try:
        pause = FIRST_LOOK_SECONDS
        while missing := await look(unanswered, watch):
            left = deadline - time.monotonic()
            if left <= 0:
                return problem(
                    504,
                    "drain-timeout",
                    f"{model} {version} was not seen idle within {timeout_seconds:g} s on "
                    f"{', '.join(missing)}",
                    unanswered=missing,
                )
            await asyncio.sleep(min(pause, left))
            pause = min(pause * 1.5, SLOWEST_LOOK_SECONDS)
        return answer({"drained": True})
    finally:
        # Shielded: a caller who hangs up must not leave the nodes answering for ever.
        await asyncio.shield(look(close_watch, watch))
