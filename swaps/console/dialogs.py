"""A dialog is a page of its own and, for htmx, the inside of what lies over the page."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


def show_dialog(
    request: HttpRequest,
    context: Mapping[str, object],
    *,
    inside: str,
    alone: str,
    status: int = 200,
) -> HttpResponse:
    """`inside` and `alone`: the templates of the two."""
    over_a_page = bool(request.headers.get("HX-Request"))
    response = render(request, inside if over_a_page else alone, context, status=status)
    if over_a_page:
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    patch_vary_headers(response, ["HX-Request"])
    return response
