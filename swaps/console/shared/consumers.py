"""The websockets of live pages. They carry what the watch renders, and decide nothing.

Who may not look gets one answer, before anything is read: whether what they name exists is
nobody's business but that of those who may.
"""

from collections.abc import Callable

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.db import Error as DatabaseError

from swaps.console.shared.audience import roles_of_sessions
from swaps.console.shared.watch import (
    INTERNAL_ERROR,
    NOT_ALLOWED,
    Subject,
    in_live_thread,
    join_watch,
    leave_watch,
)


class LivePage(AsyncWebsocketConsumer):  # type: ignore[misc] # channels has no types
    """One open page. `subject_of` makes what it shows from the names in its address, and where
    it says so (`by_query`) from the address' query.
    """

    session_key: str = ""
    subject: Subject | None = None

    def __init__(self, *, subject_of: Callable[..., Subject], by_query: bool = False) -> None:
        super().__init__()
        self._subject_of, self._by_query = subject_of, by_query

    async def connect(self) -> None:
        self.session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        # Accepted before it is refused: a browser learns the reason only from a close code.
        await self.accept()
        try:
            roles = await in_live_thread(lambda: roles_of_sessions([self.session_key]))
        except DatabaseError:
            await self.close(code=INTERNAL_ERROR)  # the page comes back by itself
            return
        if self.session_key not in roles:
            await self.close(code=NOT_ALLOWED)
            return
        names = self.scope["url_route"]["kwargs"]
        if self._by_query:
            names = names | {"query": self.scope["query_string"].decode(errors="replace")}
        self.subject = self._subject_of(**names)
        await join_watch(self.subject, self)

    async def disconnect(self, code: int) -> None:
        if self.subject is not None:
            await leave_watch(self.subject, self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say here: commands come by HTTP."""

    async def show(self, html: str) -> None:
        await self.send(text_data=html)

    async def turn_away(self, code: int) -> None:
        await self.close(code=code)
