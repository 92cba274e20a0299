"""The page for an error of ours, and for a database that is away or takes no writes."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from swaps.db.writability import is_outage, refused_write

RETRY_AFTER_SECONDS = 5
WENT_WRONG = "Something went wrong here. Look before you try again."


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: called while the error is being handled, wherever it arose.

    A page's script is answered in words alone, which it shows over what was typed.
    """
    error = sys.exception()
    outage = error is not None and is_outage(error)
    status = 503 if outage else 500
    if request.headers.get("HX-Request"):
        answer = HttpResponse(
            _words(error) if outage else WENT_WRONG, status=status, content_type="text/plain"
        )
    elif outage:
        answer = render(request, "503.html", {"why": _why(error)}, status=status)
    else:
        answer = render(request, "500.html", status=status)
    if outage:
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return answer


def _words(error: BaseException | None) -> str:
    return f"{_why(error)}. It is not known whether this was done: look, and try again in a moment."


def _why(error: BaseException | None) -> str:
    return (refused_write(error) if error is not None else None) or "The database does not answer"
