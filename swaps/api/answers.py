"""Readings to HTTP answers: JSON as the readings say it, never cached on the way."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from swaps.api.problems import Problem
from swaps.readings.json_form import Reading
from swaps.readings.pages import Page


def problems(*statuses: int) -> dict[int, type[Problem]]:
    """For the OpenAPI document: which errors a call answers; 401, 403 and 429 are any call's."""
    return dict.fromkeys((401, 403, 429, *statuses), Problem)


def answer(
    reading: Reading | Mapping[str, Any],
    *,
    status: int = HTTPStatus.OK,
    location: str | None = None,
) -> HttpResponse:
    """What may be edited has an `etag`, which is the header as well."""
    body = reading.as_json() if isinstance(reading, Reading) else reading
    headers = {"Cache-Control": "no-store"}
    if location is not None:
        headers["Location"] = location
    if isinstance(etag := body.get("etag"), str):
        headers["ETag"] = f'"{etag}"'
    return JsonResponse(body, status=status, headers=headers)


def answer_page(request: HttpRequest, page: Page[Any]) -> HttpResponse:
    following = None
    if page.cursor is not None:
        query = request.GET.copy()
        query["cursor"] = page.cursor
        following = f"{request.path}?{query.urlencode()}"
    return answer({"items": [item.as_json() for item in page.items], "next": following})
