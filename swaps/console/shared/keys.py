"""The keys of the console (static/console/shared/keyboard.js), told: as a page and as a dialog."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from swaps.console.shared.pages import show
from swaps.console.shared.visitors import visitor_of


@require_safe
def keys(request: HttpRequest) -> HttpResponse:
    if request.headers.get("HX-Request"):
        inside = {"visitor": visitor_of(request)}
        response = render(request, "console/shared/keys/dialog.html", inside)
    else:
        response = show(request)
    patch_vary_headers(response, ["HX-Request"])
    return response
