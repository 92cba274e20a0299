"""Looking at the rows for calls that wait or stream, without a thread and a connection each.

Under ASGI each request has a thread of its own, and a query there would keep both as long as
its caller waits.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from asgiref.sync import SyncToAsync
from django.db import close_old_connections, connections

# All looks of this process go through this one thread and its one connection.
thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="look")


async def look[**P, T](work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
    """`work`, in that thread."""
    return await work_in(thread, lambda: work(*args, **named))


async def work_in[T](executor: ThreadPoolExecutor, work: Callable[[], T]) -> T:
    def worked() -> T:
        # Nobody else ends this thread's connection when the database was restarted, or gives
        # it back to the pool when the work is done.
        close_old_connections()
        try:
            return work()
        finally:
            close_old_connections()

    return await asyncio.get_running_loop().run_in_executor(executor, worked)


def give_back_thread() -> None:
    """Before a long wait, and when a request is over. Django began this request in a thread that
    would idle until its end; whatever of the request comes later gets another.
    """
    context = SyncToAsync.thread_sensitive_context.get(None)
    if context is not None:
        executor = SyncToAsync.context_to_thread_executor.pop(context, None)
        if executor is not None:
            # After what the thread may still be at: it takes its connection with it otherwise,
            # and the pool would never see that one again.
            executor.submit(connections.close_all)
            executor.shutdown(wait=False)
