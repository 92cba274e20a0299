"""No browser and no proxy keeps an answer: Back after signing out would show it to the next person.

What says itself how long it may be kept, says so. Files that are the same for everybody are
answered before this (hotswap_site.static_files).
"""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

HEADER = "Cache-Control"


@sync_and_async_middleware
def nothing_is_kept(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def answer_later(request: HttpRequest) -> HttpResponseBase:
            return _not_to_be_kept(await get_response(request))

        return answer_later

    def answer(request: HttpRequest) -> HttpResponseBase:
        return _not_to_be_kept(get_response(request))

    return answer


def _not_to_be_kept(response: HttpResponseBase) -> HttpResponseBase:
    response.headers.setdefault(HEADER, "no-store")
    return response
