"""Search: a page for each question, and what is found while somebody still types."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.shared.pages import show
from swaps.console.shared.visitors import actor_of
from swaps.readings.overview.search import LONGEST, search

SHOWN = 20
SHOWN_WHILE_TYPING = 5


@require_safe
def search_page(request: HttpRequest) -> HttpResponse:
    return show(request, _found(request, SHOWN))


@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """For the box that is on every page."""
    return render(
        request, "console/overview/search/found.html", _found(request, SHOWN_WHILE_TYPING)
    )


def _found(request: HttpRequest, limit: int) -> dict[str, object]:
    asked = request.GET.get("q", "").strip()[:LONGEST]
    hits = search(asked, scope=actor_of(request).models, limit=limit)
    return {"asked": asked, "found": hits, "many": hits.count}
