"""The keys of the console (static/console/shared/keyboard.js), told: as a page and as a dialog."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from swaps.console.shared.visitors import context_of, page


@require_safe
@page
def keys(request: HttpRequest) -> HttpResponse:
    inside = bool(request.headers.get("HX-Request"))
    template = "console/shared/keys/dialog.html" if inside else "console/shared/keys/page.html"
    response = render(request, template, context_of(request, "keys"))
    patch_vary_headers(response, ["HX-Request"])
    return response
