"""Whatever happens to a request, its database connection comes back.

Under ASGI a request's synchronous work runs in a thread of its own, and Django closes that
thread's connection when the request ends in order. One that ends otherwise (its client hung up
and Daphne cancelled it, an error on the way) ends its thread with the connection in hand: the
pool never sees it again, and some twenty such requests leave a console that answers 503 for ever.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import SyncToAsync, ThreadSensitiveContext

from swaps.readings.shared.looks import give_back_thread

type Application = Callable[[Any, Any, Any], Awaitable[Any]]


class ConnectionsComeBack:
    """ASGI middleware around HTTP: the request's thread, and what it does last, are ours."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        # The outermost context is the one that counts: Django's own inside of it does nothing.
        token = SyncToAsync.thread_sensitive_context.set(ThreadSensitiveContext())
        try:
            await self._application(scope, receive, send)
        finally:
            give_back_thread()
            SyncToAsync.thread_sensitive_context.reset(token)
