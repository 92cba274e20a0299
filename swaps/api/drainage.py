"""Waiting until a version is idle, without a database connection for each who waits.

All looks of this process go through one thread and its one connection: under ASGI each
request has a thread of its own, and a query there would keep a connection as long as the
caller waits.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse
from ninja import Query, Router, Schema

from swaps.access.roles import Actor
from swaps.api.answers import answer, problems
from swaps.api.bearer import Bearer
from swaps.api.problems import NotFound, problem
from swaps.domain.names import name_problem
from swaps.engine.drainage import close_watch, open_watch, unanswered
from swaps.engine.errors import ModelNotFound, VersionNotFound

router = Router(tags=["models"])

LONGEST_SECONDS = 600
# An idle version is proven within some flushes of 10 ms; what is busy takes as long as its
# requests, and a look more or less a second does not matter then.
FIRST_LOOK_SECONDS = 0.02
SLOWEST_LOOK_SECONDS = 0.25


looks = ThreadPoolExecutor(max_workers=1, thread_name_prefix="drainage")


async def _look[**P, T](work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    def look() -> T:
        # Nobody else ends this thread's connection when the database was restarted.
        close_old_connections()
        return work(*args, **named)

    return await asyncio.get_running_loop().run_in_executor(looks, look)


class WaitingBearer(Bearer):
    """The same check, in the thread that looks."""

    is_async = True

    async def __call__(self, request: HttpRequest) -> Actor | None:
        check: Callable[[HttpRequest], Actor | None] = super().__call__
        return await _look(check, request)


class Drained(Schema):
    drained: bool


@router.get(
    "/models/{model}/versions/{version}/drainage",
    auth=WaitingBearer(),
    response={200: Drained, **problems(404, 422, 504)},
    summary="Wait until every node has seen this version idle, whatever its weight",
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
        watch = await _look(open_watch, model, version)
    except VersionNotFound as error:
        # Here the version is what the path names.
        raise NotFound(error.code, str(error)) from error
    try:
        pause = FIRST_LOOK_SECONDS
        while missing := await _look(unanswered, watch):
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
        await asyncio.shield(_look(close_watch, watch))
