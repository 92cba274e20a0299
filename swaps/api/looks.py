"""For calls that wait: looking at the rows, without a thread and a connection for each caller.

All looks of this process go through one thread and its one connection: under ASGI each
request has a thread of its own, and a query there would keep both as long as its caller waits.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import SyncToAsync, sync_to_async
from django.db import close_old_connections
from django.http import HttpRequest

from swaps.access.roles import Actor
from swaps.api.bearer import Bearer

thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="look")


async def look[**P, T](work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`work`, in that thread."""

    def worked() -> T:
        # Nobody else ends this thread's connection when the database was restarted, or gives
        # it back to the pool when the work is done.
        close_old_connections()
        try:
            return work(*args, **named)
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(thread, worked)


def give_back_thread() -> None:
    """Before a long wait. Django began this request in a thread that would idle until its end;
    whatever of the request comes later gets another.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        executor = SyncToAsync.context_to_thread_executor.pop(context, None)
        if executor is not None:
            executor.shutdown(wait=False)


class WaitingBearer(Bearer):
    """The same check, in the thread that looks; a call that may wait, or not, waits when it
    has the parameter `waits_by`.
    """

    is_async = True

    def __init__(self, *, waits_by: str | None = None) -> None:
        super().__init__()
        self._waits_by = waits_by

    async def __call__(self, request: HttpRequest) -> Actor | None:
        check: Callable[[HttpRequest], Actor | None] = super().__call__
        if self._waits_by is None or self._waits_by in request.GET:
            return await look(check, request)
        return await sync_to_async(check)(request)
