"""All swaps, the newest first, by filters that are in the address. Live, page by page."""

import shlex
from dataclasses import dataclass
from typing import Self

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.database_clock import database_now
from swaps.console.live_page import nothing_personal, render_fragments
from swaps.console.visitors import context_of, page
from swaps.console.watch import Look
from swaps.domain.states import SwapState
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import ServedModel
from swaps.readings.pages import CursorInvalid, Page
from swaps.readings.swaps import TEXT_SEARCHED, SwapReading, read_swaps

FOLDER = "swaps"
SHOWN = 50
# A long list costs more to look at than a swap, and changes less.
PACE_SECONDS = 1.0
SUGGESTED_MODELS = 200
LONGEST = 200
FIELDS = ("model", "requested_by", "text")


@dataclass(frozen=True, slots=True)
class SwapFilter:
    """Which swaps somebody wants to see. What cannot be meant is in `errors`, by field."""

    states: tuple[str, ...] = ()
    model: str = ""
    requested_by: str = ""
    text: str = ""
    cursor: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        """A filter that is misspelt must not show everything, so it is an error."""
        errors = [
            (name, f"there is no filter {name[:40]!r}")
            for name in given
            if name not in {*FIELDS, "state", "cursor"}
        ]
        states = tuple(dict.fromkeys(one for one in given.getlist("state") if one))
        errors += [("state", f"there is no state {one[:40]!r}") for one in states if not _is(one)]
        texts = {name: given.get(name, "").strip() for name in FIELDS}
        for name, value in texts.items():
            if len(value) > LONGEST or not value.isprintable():
                errors.append((name, f"at most {LONGEST} characters that can be seen"))
        return cls(states, **texts, cursor=given.get("cursor", ""), errors=tuple(errors))

    @property
    def narrowed(self) -> bool:
        return bool(self.states or self.model or self.requested_by or self.text)

    def address(self, *, cursor: str = "") -> str:
        """The query of this list's page, from the cursor on."""
        query = QueryDict(mutable=True)
        query.setlist("state", list(self.states))
        for name in FIELDS:
            if getattr(self, name):
                query[name] = getattr(self, name)
        if cursor:
            query["cursor"] = cursor
        return query.urlencode()

    @property
    def own_address(self) -> str:
        return self.address(cursor=self.cursor)

    @property
    def command(self) -> str:
        """The same on the command line, as far as that goes."""
        words = ["hotswap", "swaps"]
        if self.model:
            words += ["--model", self.model]
        if len(self.states) == 1:
            words += ["--state", *self.states]
        return shlex.join(words)

    def read(self) -> Page[SwapReading]:
        """Raises CursorInvalid."""
        return read_swaps(
            model=self.model or None,
            states=self.states,
            requested_by=self.requested_by or None,
            text=self.text or None,
            cursor=self.cursor or None,
            limit=SHOWN,
        )


def _is(state: str) -> bool:
    return state in set(SwapState)


@dataclass(frozen=True, slots=True)
class SwapListSubject:
    """One page of the list, to be watched."""

    wanted: SwapFilter

    @classmethod
    def of(cls, *, query: str) -> Self:
        return cls(SwapFilter.of(QueryDict(query)))

    def __str__(self) -> str:
        return f"swaps {self.wanted.own_address}"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look | None:
        """Rows show no story, so there are no events and nothing to mark."""
        if self.wanted.errors:
            return None
        try:
            found = self.wanted.read()
        except CursorInvalid:
            return None
        return Look(
            shared=render_fragments(FOLDER, ["rows"], _rows(self.wanted, found), database_now()),
            render_for=nothing_personal,
            pace=PACE_SECONDS,
        )


def _rows(wanted: SwapFilter, found: Page[SwapReading]) -> dict[str, object]:
    return {
        "swaps": found.items,
        "older": wanted.address(cursor=found.cursor) if found.cursor else "",
        "wanted": wanted,
    }


@require_safe
@page
def swaps(request: HttpRequest) -> HttpResponse:
    wanted = SwapFilter.of(request.GET)
    context = context_of(request, "swaps") | {
        "wanted": wanted,
        "states": [(state.value, state in wanted.states) for state in SwapState],
        "models": list(
            ServedModel.objects.order_by("name").values_list("name", flat=True)[:SUGGESTED_MODELS]
        ),
        "searched": TEXT_SEARCHED,
    }
    if wanted.errors:
        return render(request, "console/swaps/list.html", context, status=422)
    try:
        context |= _rows(wanted, wanted.read())
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    context["live"] = {"now": database_now()}
    return render(request, "console/swaps/list.html", context)
