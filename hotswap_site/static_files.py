"""WhiteNoise, made to let async views stay async.

A middleware that can only be called synchronously makes Django run each async view inside
a thread that blocks until the view is done: a caller who waits for a drain would keep busy
the one thread that the request's other work needs. Files go compressed to whoever takes that.
"""

import gzip
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

AnyResponse = HttpResponseBase | Awaitable[HttpResponseBase]


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]
    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        super().__init__(get_response)
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> AnyResponse:
        if iscoroutinefunction(self):
            return self._call_async(request)
        answer: HttpResponseBase = super().__call__(request)
        return answer

    async def _call_async(self, request: HttpRequest) -> HttpResponseBase:
        path = request.path_info
        found = self.find_file(path) if self.autorefresh else self.files.get(path)
        if found is not None:
            return await sync_to_async(_read)(found, request)
        answer: HttpResponseBase = await self.get_response(request)
        return answer


def _read(found: Any, request: HttpRequest) -> HttpResponse:
    """Whole, because a file that streams is read synchronously; ours are small."""
    answer = found.get_response(request.method, request.META)
    body = b""
    if answer.file is not None:
        with answer.file:
            body = answer.file.read()
    response = HttpResponse(body, status=int(answer.status))
    del response["Content-Type"]
    for name, value in answer.headers:
        response[name] = value
    if response.status_code == 200 and body:
        patch_vary_headers(response, ["Accept-Encoding"])
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            smaller = _compressed(body)
            if len(smaller) < len(body):
                response.content = smaller
                response["Content-Encoding"] = "gzip"
                response["Content-Length"] = str(len(smaller))
    return response


@lru_cache(maxsize=128)
def _compressed(body: bytes) -> bytes:
    # Without a time in it: the same file is the same bytes.
    return gzip.compress(body, compresslevel=9, mtime=0)
