"""A list by filters that are in its address: live, page by page.

What differs from list to list is in its filter: what may be asked for, and what is read by it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from django.http import Http404, HttpRequest, HttpResponse, QueryDict

from swaps.console.shared.database_clock import database_now
from swaps.console.shared.live_page import nothing_personal, render_fragments
from swaps.console.shared.pages import show
from swaps.console.shared.watch import Look
from swaps.live.broadcast import FLEET_GROUP
from swaps.readings.shared.pages import CursorInvalid, Page

LONGEST = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFilter(ABC):
    """Which rows somebody wants to see. What cannot be meant is in `errors`, by field."""

    # What it lists, and the folder of its templates.
    NAME: ClassVar[str]
    FOLDER: ClassVar[str]
    # A long list costs more to look at than a swap, and changes less.
    PACE_SECONDS: ClassVar[float] = 1.0

    cursor: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @abstractmethod
    def asked(self) -> Mapping[str, Sequence[str]]:
        """As the address has it, but for the cursor."""

    @abstractmethod
    def read(self) -> Page[Any]:
        """Raises CursorInvalid."""

    @abstractmethod
    def rows(self, found: Page[Any]) -> dict[str, object]:
        """What the template of the rows shows of them."""

    def address(self, *, cursor: str = "") -> str:
        """The query of this list's page, from the cursor on."""
        query = QueryDict(mutable=True)
        for name, values in self.asked().items():
            given = [value for value in values if value]
            if given:
                query.setlist(name, given)
        if cursor:
            query["cursor"] = cursor
        return query.urlencode()

    @property
    def own_address(self) -> str:
        return self.address(cursor=self.cursor)


def filter_errors(
    given: QueryDict, known: Sequence[str], texts: Mapping[str, str]
) -> list[tuple[str, str]]:
    """A filter that is misspelt must not show everything, so it is an error."""
    unknown = [
        (name[:40], f"there is no filter {name[:40]!r}")
        for name in given
        if name not in {*known, "cursor"}
    ]
    return unknown + [
        (name, f"at most {LONGEST} characters that can be seen")
        for name, value in texts.items()
        if len(value) > LONGEST or not value.isprintable()
    ]


@dataclass(frozen=True, slots=True)
class ListSubject:
    """One page of a list, to be watched."""

    wanted: ListFilter

    def __str__(self) -> str:
        return f"{self.wanted.NAME} {self.wanted.own_address}"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look | None:
        """Rows show no story, so there are no events and nothing to mark."""
        if self.wanted.errors:
            return None
        try:
            shown = _context(self.wanted)
        except CursorInvalid:
            return None
        return Look(
            shared=render_fragments(self.wanted.FOLDER, ["rows"], shown, database_now()),
            render_for=nothing_personal,
            pace=self.wanted.PACE_SECONDS,
        )


def show_list(
    request: HttpRequest, wanted: ListFilter, choices: Mapping[str, object]
) -> HttpResponse:
    """`choices`: what the fields of the filters offer."""
    context: dict[str, object] = {**choices, "wanted": wanted}
    if wanted.errors:
        return show(request, context, status=422)
    try:
        context |= _context(wanted)
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    return show(request, context | {"live": {"now": database_now()}})


def _context(wanted: ListFilter) -> dict[str, object]:
    found = wanted.read()
    further = wanted.address(cursor=found.cursor) if found.cursor else ""
    return {**wanted.rows(found), "further": further, "wanted": wanted}
