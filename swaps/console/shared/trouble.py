"""The page for an error of ours, and for a database that is away or takes no writes."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from swaps.db.writability import is_outage, refused_write

RETRY_AFTER_SECONDS = 5


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: called while the error is being handled, wherever it arose."""
    error = sys.exception()
    if error is not None and is_outage(error):
        context = {"why": refused_write(error) or "The database does not answer"}
        answer = render(request, "503.html", context, status=503)
        answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
    return render(request, "500.html", status=500)
