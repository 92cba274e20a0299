"""Readings to HTTP answers: JSON as the readings say it, never cached on the way."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from pydantic import Field

from swaps.api.codes import CODES, OF_ANY_BODY, OF_ANY_CALL
from swaps.api.problems import Problem
from swaps.readings.shared.json_form import Reading
from swaps.readings.shared.pages import Page

PROBLEM_CODES = "x-codes"

type ProblemCode = str | tuple[int, str]


def problems(*codes: ProblemCode, body: bool = False) -> dict[int, Any]:
    """For the OpenAPI document: which problems a call may answer, beside those of any call.

    `body`: also what any call may answer that takes one. A code has its status from
    `swaps.api.codes`, unless it is given with another.
    """
    by_status: dict[int, list[str]] = {}
    for one in (*OF_ANY_CALL, *(OF_ANY_BODY if body else ()), *codes):
        status, code = one if isinstance(one, tuple) else (CODES[one].status, one)
        by_status.setdefault(int(status), []).append(code)
    return {
        # The document makes examples of them, see swaps.api.document.
        status: Annotated[Problem, Field(json_schema_extra={PROBLEM_CODES: [*found]})]
        for status, found in sorted(by_status.items())
    }


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
