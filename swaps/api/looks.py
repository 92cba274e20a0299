"""Who asks, for calls that wait: checked in the thread that looks, so that none is kept."""

from collections.abc import Callable

from asgiref.sync import sync_to_async
from django.http import HttpRequest

from swaps.access.roles import Actor
from swaps.api.bearer import Bearer
from swaps.readings.shared.looks import look


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
