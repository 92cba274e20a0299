"""A dialog is a page of its own and, for htmx, the inside of what lies over the page."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import patch_vary_headers


@dataclass(frozen=True, slots=True)
class DialogRefusal:
    """Why nothing was done: the words, the HTTP status, and the field they are about."""

    words: str
    status: int = 409
    field: str = ""


def show_dialog(
    request: HttpRequest,
    context: Mapping[str, object],
    refusal: DialogRefusal | None,
    *,
    inside: str,
    alone: str,
) -> HttpResponse:
    """`inside` and `alone`: the templates of the two."""
    over_a_page = bool(request.headers.get("HX-Request"))
    response = render(
        request,
        inside if over_a_page else alone,
        {**context, "refusal": refusal},
        status=refusal.status if refusal else 200,
    )
    if over_a_page:
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    patch_vary_headers(response, ["HX-Request"])
    return response
