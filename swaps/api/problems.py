"""Every error as RFC 9457 problem+json: what happened, to which object, what to do next."""

import logging
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import DataError, InterfaceError, InternalError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI, Schema
from ninja.errors import AuthenticationError, HttpError, ValidationError

from swaps.access.roles import NotAllowed
from swaps.access.throttles import TooOften
from swaps.api.codes import CODES
from swaps.audit.filters import FilterInvalid
from swaps.commands.errors import (
    InvalidRequest,
    NotPossibleNow,
    Stale,
    StillRunning,
    SwapInProgress,
    SwapRefused,
)
from swaps.db.writability import is_outage, refused_write
from swaps.readings.shared.pages import CursorInvalid

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"

RETRY_SOON_SECONDS = 1
RETRY_LATER_SECONDS = 5


class FieldProblem(Schema):
    field: str
    message: str


class Problem(Schema):
    """RFC 9457. `code` is for programs, `detail` for people."""

    type: str
    code: str
    title: str
    status: int
    detail: str
    swap_id: uuid.UUID | None = None
    errors: list[FieldProblem] | None = None
    changed: list[str] | None = None
    unanswered: list[str] | None = None


class NotFound(Exception):
    """What the path names does not exist; `code` says what it is."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> HttpResponse:
    return JsonResponse(
        {
            "type": f"urn:hotswap:problem:{code}",
            "code": code,
            "title": code.replace("-", " ").capitalize(),
            "status": int(status),
            "detail": detail,
            **more,
        },
        status=status,
        content_type=CONTENT_TYPE,
        headers=headers,
    )


def answer_problems(api: NinjaAPI) -> None:
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        AuthenticationError: unauthenticated,
        NotAllowed: _not_allowed,
        TooOften: too_often,
        ValidationError: _invalid_fields,
        InvalidRequest: _invalid_request,
        FilterInvalid: _invalid_filter,
        CursorInvalid: _invalid_cursor,
        SwapRefused: _refused,
        NotFound: _not_found,
        HttpError: _http_error,
        Http404: _http_404,
        RequestDataTooBig: _too_big,
        DataError: _not_storable,
        OperationalError: _unavailable,
        InterfaceError: _unavailable,
        InternalError: _internal,
        Exception: _unexpected,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)


def no_such_path(request: HttpRequest, *_: object, **__: object) -> HttpResponse:
    return problem(404, "not-found", f"there is nothing at {request.path}")


def method_not_allowed(request: HttpRequest, allowed: str) -> HttpResponse:
    return problem(
        405,
        "method-not-allowed",
        f"{request.path} answers {allowed}, not {request.method}",
        headers={"Allow": allowed},
    )


def unauthenticated(request: HttpRequest, *_: object) -> HttpResponse:
    return problem(
        401,
        "unauthorized",
        "send a valid API token as 'Authorization: Bearer …'; this one is missing, unknown, "
        "expired or revoked",
        headers={"WWW-Authenticate": "Bearer"},
    )


def too_often(request: HttpRequest, error: TooOften) -> HttpResponse:
    return problem(
        429,
        error.code,
        f"{error}: try again in {error.retry_after_seconds} s",
        headers={"Retry-After": str(error.retry_after_seconds)},
    )


def _not_allowed(request: HttpRequest, error: NotAllowed) -> HttpResponse:
    return problem(403, "forbidden", str(error))


def _invalid_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    errors = [
        {
            # The first part says query or body, the second the parameter that holds the body.
            "field": ".".join(str(part) for part in one["loc"] if part not in {"body", "query"}),
            "message": str(one["msg"]),
        }
        for one in error.errors
    ]
    detail = "; ".join(
        f"{one['field']}: {one['message']}" if one["field"] else one["message"] for one in errors
    )
    return problem(422, InvalidRequest.code, detail, errors=errors)


def _invalid_request(request: HttpRequest, error: InvalidRequest) -> HttpResponse:
    return problem(
        422,
        error.code,
        f"{error.field}: {error}",
        errors=[{"field": error.field, "message": str(error)}],
    )


def _invalid_filter(request: HttpRequest, error: FilterInvalid) -> HttpResponse:
    errors = [{"field": field, "message": words} for field, words in error.errors.items()]
    return problem(422, InvalidRequest.code, str(error), errors=errors)


def _invalid_cursor(request: HttpRequest, error: CursorInvalid) -> HttpResponse:
    return problem(422, InvalidRequest.code, f"cursor: {error}")


def _refused(request: HttpRequest, error: SwapRefused) -> HttpResponse:
    status = CODES[error.code].status
    more: dict[str, Any] = {}
    headers: dict[str, str] = {}
    if isinstance(error, Stale):
        more["changed"] = error.changed
    elif isinstance(error, StillRunning):
        headers["Retry-After"] = str(RETRY_SOON_SECONDS)
    elif isinstance(error, SwapInProgress):
        more["swap_id"] = str(error.swap_id)
        headers["Retry-After"] = str(RETRY_LATER_SECONDS)
    elif isinstance(error, NotPossibleNow) and error.retry:
        headers["Retry-After"] = str(RETRY_SOON_SECONDS)
    elif status is HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = str(RETRY_LATER_SECONDS)
    return problem(status, error.code, str(error), headers=headers, **more)


def _not_found(request: HttpRequest, error: NotFound) -> HttpResponse:
    return problem(404, error.code, str(error))


def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    """The framework's own: 400 is a body that is no JSON."""
    code = "malformed-request" if error.status_code == 400 else "refused"
    return problem(error.status_code, code, str(error))


def _http_404(request: HttpRequest, error: Http404) -> HttpResponse:
    return no_such_path(request)


def _too_big(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
    return problem(413, "request-too-large", "the body is larger than any request of this API")


def _not_storable(request: HttpRequest, error: DataError) -> HttpResponse:
    log.info("a request holds what the database cannot store: %s", error)
    return problem(
        422, InvalidRequest.code, "a value cannot be stored: a NUL character, or no finite number"
    )


def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s without the database: %s", request.method, request.path, error)
    if no_writes := refused_write(error):
        return problem(
            503,
            "unavailable",
            f"{no_writes}; what was asked was not done: try again",
            headers={"Retry-After": str(RETRY_LATER_SECONDS)},
        )
    return problem(
        503,
        "unavailable",
        "the database does not answer: what was asked is not known to be done; look, then try "
        "again, with the same Idempotency-Key where it had one",
        headers={"Retry-After": str(RETRY_LATER_SECONDS)},
    )


def _internal(request: HttpRequest, error: InternalError) -> HttpResponse:
    return _unavailable(request, error) if is_outage(error) else _unexpected(request, error)


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    log.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(500, "internal-error", "something went wrong here; the server's log says what")
