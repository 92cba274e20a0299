"""The handbook in the console: its contents, its pages, and what is found in it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from swaps.console.shared.pages import show
from swaps.handbook import pages as handbook
from swaps.handbook.contents import READERS

LONGEST = 100


@require_safe
def contents(request: HttpRequest) -> HttpResponse:
    asked = request.GET.get("q", "").strip()[:LONGEST]
    readers = [
        (reader, [handbook.page(reader.folder, name) for name in reader.pages])
        for reader in READERS
    ]
    context = {"asked": asked, "hits": handbook.search(asked), "readers": readers}
    return show(request, context)


@require_safe
def help_page(request: HttpRequest, reader: str, name: str) -> HttpResponse:
    try:
        found = handbook.page(reader, name)
    except handbook.NoSuchPage as missing:
        raise Http404(f"the handbook has no page {missing}") from None
    beside = [handbook.page(reader, other) for other in found.reader.pages]
    return show(request, {"page": found, "beside": beside})
