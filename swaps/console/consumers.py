"""The websocket of a swap's page. It carries what the watch renders, and decides nothing."""

import uuid

from channels.generic.websocket import AsyncWebsocketConsumer

from swaps.console.watch import join_watch, leave_watch


class SwapConsumer(AsyncWebsocketConsumer):  # type: ignore[misc] # channels has no types
    """One open page of one swap."""

    session_key: str = ""
    swap_id: uuid.UUID

    async def connect(self) -> None:
        self.swap_id = self.scope["url_route"]["kwargs"]["swap_id"]
        self.session_key = self.scope["session"].session_key or ""
        # Accepted before it is refused: a browser learns the reason only from a close code.
        await self.accept()
        await join_watch(self.swap_id, self)

    async def disconnect(self, code: int) -> None:
        await leave_watch(self.swap_id, self)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say here: commands come by HTTP."""

    async def show(self, html: str) -> None:
        await self.send(text_data=html)

    async def turn_away(self, code: int) -> None:
        await self.close(code=code)
