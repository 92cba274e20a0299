"""All models, by filters that are in the address. Live, page by page."""

import shlex
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from swaps.console.shared.list_page import ListFilter, ListSubject, filter_errors, show_list
from swaps.models import SwapOperation
from swaps.readings.model.models import ModelReading, read_models
from swaps.readings.shared.pages import Page

SHOWN = 50
FIELDS = ("text", "state", "order")
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFilter(ListFilter):
    NAME: ClassVar[str] = "models"
    FOLDER: ClassVar[str] = "model"
    PACE_SECONDS: ClassVar[float] = 0.7

    text: str = ""
    state: str = ""
    order: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        values = {name: given.get(name, "").strip() for name in FIELDS}
        errors = filter_errors(given, FIELDS, {"text": values["text"]})
        for name, known in (("state", SERVING_STATES), ("order", ORDERS)):
            if values[name] not in known:
                errors.append((name, f"there is no {name} {values[name][:40]!r}"))
        return cls(**values, cursor=given.get("cursor", ""), errors=tuple(errors))

    def asked(self) -> dict[str, list[str]]:
        return {name: [getattr(self, name)] for name in FIELDS}

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.state)

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

    def rows(self, found: Page[ModelReading]) -> dict[str, object]:
        return {"rows": rows_of(found)}


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


def watched(*, query: str) -> ListSubject:
    return ListSubject(ModelFilter.of(QueryDict(query)))


@require_safe
def models(request: HttpRequest) -> HttpResponse:
    choices = {
        "states": [(name, words) for name, (words, _) in SERVING_STATES.items()],
        "orders": ORDERS.items(),
    }
    return show_list(request, ModelFilter.of(request.GET), choices)
