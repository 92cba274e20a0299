"""A page of the console is one entry: its address, its view, its template, where it stands in the
navigation, what it takes to use it, and what the handbook says about it.

Each folder of pages has its entries in its `pages.py`; `swaps/console/pages.py` gathers them, and
addresses, navigation rail, websockets and checks of roles read them there.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path

from swaps.access.roles import Action, NotAllowed
from swaps.console.shared.refusals import refusal_of
from swaps.console.shared.visitors import actor_of, page_for_readers, visitor_of
from swaps.console.shared.watch import Subject

# Under this name a view carries its page's entry.
_ENTRY = "console_page"


@dataclass(frozen=True, slots=True)
class RailEntry:
    """How a page is named in the navigation rail, and by which key after `g` it is gone to."""

    words: str
    key: str
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """`name` is for `reverse`, `path` the address under the console's root."""

    name: str
    path: str
    view: Callable[..., Any]
    # "": a dialog, whose template is its own, or an answer that is no whole page.
    template: str = ""
    # The name of the page in the rail under which it stands; its own, where it has an entry there.
    place: str = ""
    rail: RailEntry | None = None
    # What it is for. Who may look and not do this sees the page, which says so, and gets no
    # fragment. None: the view itself says who may.
    needs: Action | None = Action.VIEW
    fragment: bool = False  # an answer for a part of a page, or a file
    handbook: tuple[str, ...] = ()  # what to read about it: "operator/one-swap"
    # What its websocket shows, made of the names in the address; `by_query`: and of its query.
    subject: Callable[..., Subject] | None = None
    by_query: bool = False
    fixed: Mapping[str, str] = field(default_factory=dict)  # names that are not in the address

    @property
    def url(self) -> URLPattern:
        view = self.view if self.needs is None else page_for_readers(self._guarded)
        setattr(view, _ENTRY, self)
        return path(self.path, view, dict(self.fixed), self.name)

    @property
    def socket_path(self) -> str:
        return f"ws/{self.path or self.name}"

    def subject_at(self, names: Mapping[str, Any], query: str) -> Subject | None:
        """None: the page does not show itself anew."""
        if self.subject is None:
            return None
        return self.subject(**names, query=query) if self.by_query else self.subject(**names)

    def _guarded(self, request: HttpRequest, **names: Any) -> HttpResponse:
        if self.fragment and self.needs is not None:
            actor = actor_of(request)
            try:
                actor.require(self.needs)
            except NotAllowed as refused:
                refusal = refusal_of(refused, actor.name)
                return HttpResponse(refusal.words, status=refusal.status, content_type="text/plain")
        answer: HttpResponse = self.view(request, **names)
        return answer


def entry_of(view: Callable[..., HttpResponseBase] | None) -> Page | None:
    """None for what is no page of the console."""
    entry = getattr(view, _ENTRY, None)
    return entry if isinstance(entry, Page) else None


def entry_asked_for(request: HttpRequest) -> Page | None:
    return entry_of(request.resolver_match.func) if request.resolver_match else None


def show(
    request: HttpRequest, context: Mapping[str, object] | None = None, *, status: int = 200
) -> HttpResponse:
    """The page itself; 403 when this person may look at it, and not do what it is for."""
    entry = entry_asked_for(request)
    assert entry is not None, f"{request.path} is no page of the console"
    assert entry.template, f"{entry.name} has no template"
    allowed = entry.needs is None or actor_of(request).may(entry.needs)
    if not allowed and status < 400:
        status = 403
    frame = {"visitor": visitor_of(request), "allowed": allowed}
    return render(request, entry.template, {**frame, **(context or {})}, status=status)
