"""The handbook in the console: its contents, its pages, and what is found in it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.shared.visitors import context_of, page
from swaps.handbook import pages as handbook
from swaps.handbook.contents import READERS

LONGEST = 100


@require_safe
@page
def contents(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:LONGEST]
    readers = [
        (reader, [handbook.page(reader.folder, name) for name in reader.pages])
        for reader in READERS
    ]
    context = {"asked": asked, "hits": handbook.search(asked), "readers": readers}
    return render(request, "console/help/contents.html", context_of(request, "help") | context)


@require_safe
@page
def help_page(request: HttpRequest, reader: str, name: str) -> HttpResponse:
    try:
        found = handbook.page(reader, name)
    except handbook.NoSuchPage as missing:
        raise Http404(f"the handbook has no page {missing}") from None
    beside = [handbook.page(reader, other) for other in found.reader.pages]
    context = {"page": found, "beside": beside}
    return render(request, "console/help/page.html", context_of(request, "help") | context)
