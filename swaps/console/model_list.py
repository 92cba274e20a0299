"""All models, by filters that are in the address. Live, page by page."""

import shlex
from dataclasses import dataclass
from typing import Any, Self

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.database_clock import database_now
from swaps.console.live_page import nothing_personal, render_fragments
from swaps.console.visitors import context_of, page
from swaps.console.watch import Look
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import SwapOperation
from swaps.readings.models import ModelReading, read_models
from swaps.readings.pages import CursorInvalid, Page

FOLDER = "models"
SHOWN = 50
LONGEST = 63
PACE_SECONDS = 0.7
# What a model can be asked for, and how its reading is asked.
SERVING_STATES: dict[str, tuple[str, dict[str, Any]]] = {
    "": ("any", {}),
    "serving": ("serving", {"serving": True}),
    "idle": ("nothing serves", {"serving": False}),
    "swapping": ("a swap is open", {"swapping": True}),
    "held": ("queue held", {"held": True}),
    "protected": ("protected", {"protected": True}),
}
ORDERS = {"": "by name", "-name": "by name, from Z"}


@dataclass(frozen=True, slots=True)
class ModelFilter:
    """Which models somebody wants to see. What cannot be meant is in `errors`, by field."""

    text: str = ""
    state: str = ""
    order: str = ""
    cursor: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        """A filter that is misspelt must not show everything, so it is an error."""
        values = {name: given.get(name, "").strip() for name in ("text", "state", "order")}
        errors = [
            (name[:40], "there is no such filter")
            for name in given
            if name not in {*values, "cursor"}
        ]
        if len(values["text"]) > LONGEST or not values["text"].isprintable():
            errors.append(("text", f"at most {LONGEST} characters that can be seen"))
        for name, known in (("state", SERVING_STATES), ("order", ORDERS)):
            if values[name] not in known:
                errors.append((name, f"there is no {name} {values[name][:40]!r}"))
        return cls(**values, cursor=given.get("cursor", ""), errors=tuple(errors))

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.state)

    def address(self, *, cursor: str = "") -> str:
        """The query of this list's page, from the cursor on."""
        query = QueryDict(mutable=True)
        for name in ("text", "state", "order"):
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
        """The same on the command line, which filters by what stands behind it."""
        words = ["hotswap", "models", "list"]
        return shlex.join(words) + (f" | grep {shlex.quote(self.text)}" if self.text else "")

    def read(self) -> Page[ModelReading]:
        """Raises CursorInvalid."""
        return read_models(
            name_contains=self.text.lower() or None,
            descending=self.order == "-name",
            cursor=self.cursor or None,
            limit=SHOWN,
            **SERVING_STATES[self.state][1],
        )


@dataclass(frozen=True, slots=True)
class ModelRow:
    reading: ModelReading
    open_swap: SwapOperation | None

    @property
    def serving(self) -> list[tuple[str, int]]:
        """Each version that has traffic, and its percent; the greatest first."""
        return sorted(self.reading.route.weights.items(), key=lambda one: -one[1])

    @property
    def requests_per_second(self) -> float | None:
        """None: some version's is not known."""
        rates = [v.traffic.requests_per_second for v in self.reading.versions if v.traffic]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if rates and len(known) == len(rates) else None


def rows_of(found: Page[ModelReading]) -> list[ModelRow]:
    ids = [one.open_swap for one in found.items if one.open_swap]
    swaps = SwapOperation.objects.in_bulk(ids)
    return [
        ModelRow(one, swaps.get(one.open_swap) if one.open_swap else None) for one in found.items
    ]


@dataclass(frozen=True, slots=True)
class ModelListSubject:
    """One page of the list, to be watched."""

    wanted: ModelFilter

    @classmethod
    def of(cls, *, query: str) -> Self:
        return cls(ModelFilter.of(QueryDict(query)))

    def __str__(self) -> str:
        return f"models {self.wanted.own_address}"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look | None:
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


def _rows(wanted: ModelFilter, found: Page[ModelReading]) -> dict[str, object]:
    return {
        "rows": rows_of(found),
        "further": wanted.address(cursor=found.cursor) if found.cursor else "",
        "wanted": wanted,
    }


@require_safe
@page
def models(request: HttpRequest) -> HttpResponse:
    wanted = ModelFilter.of(request.GET)
    context = context_of(request, "models") | {
        "wanted": wanted,
        "states": [(name, words) for name, (words, _) in SERVING_STATES.items()],
        "orders": ORDERS.items(),
    }
    if wanted.errors:
        return render(request, "console/models/list.html", context, status=422)
    try:
        context |= _rows(wanted, wanted.read())
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    context["live"] = {"now": database_now()}
    return render(request, "console/models/list.html", context)
