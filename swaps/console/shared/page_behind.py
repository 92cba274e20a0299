"""The answer to a dialog whose deed is done: the page behind it, as it is now.

Open pages are told by their websocket too; this is for where that is lost.
"""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.urls import Resolver404, resolve

from swaps.access.roles import role_of
from swaps.console.shared.pages import entry_of
from swaps.console.shared.watch import Subject


def page_behind(request: HttpRequest, otherwise: str) -> HttpResponse:
    """`otherwise`: where to go when the page behind is none that shows itself anew."""
    there = urlsplit(request.headers.get("HX-Current-URL", otherwise))
    subject = _subject(there.path, there.query)
    look, role = (subject.look(None) if subject is not None else None), role_of(request.user)
    if look is None or role is None:
        return HttpResponse(headers={"HX-Redirect": otherwise})
    html = "".join(look.shared.values()) + look.render_for([role])[role]
    return HttpResponse(html, headers={"HX-Trigger": "command-done"})


def _subject(path: str, query: str) -> Subject | None:
    try:
        found = resolve(path)
    except Resolver404:
        return None
    entry = entry_of(found.func)
    return None if entry is None else entry.subject_at(found.kwargs, query)
