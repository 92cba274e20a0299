"""All swaps, the newest first, by filters that are in the address. Live, page by page."""

import shlex
from dataclasses import dataclass
from typing import ClassVar, Self

from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from swaps.console.shared.list_page import ListFilter, ListSubject, filter_errors, show_list
from swaps.domain.states import SwapState
from swaps.models import ServedModel
from swaps.readings.shared.pages import Page
from swaps.readings.swap.swaps import TEXT_SEARCHED, SwapReading, read_swaps

SHOWN = 50
SUGGESTED_MODELS = 200
FIELDS = ("model", "requested_by", "text")


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapFilter(ListFilter):
    NAME: ClassVar[str] = "swaps"
    FOLDER: ClassVar[str] = "swap"

    states: tuple[str, ...] = ()
    model: str = ""
    requested_by: str = ""
    text: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        texts = {name: given.get(name, "").strip() for name in FIELDS}
        states = tuple(dict.fromkeys(one for one in given.getlist("state") if one))
        errors = filter_errors(given, ("state", *FIELDS), texts)
        errors += [("state", f"there is no state {one[:40]!r}") for one in states if not _is(one)]
        return cls(states=states, **texts, cursor=given.get("cursor", ""), errors=tuple(errors))

    def asked(self) -> dict[str, list[str]]:
        return {"state": list(self.states)} | {name: [getattr(self, name)] for name in FIELDS}

    @property
    def narrowed(self) -> bool:
        return bool(self.states or self.model or self.requested_by or self.text)

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

    def rows(self, found: Page[SwapReading]) -> dict[str, object]:
        return {"swaps": found.items}


def _is(state: str) -> bool:
    return state in set(SwapState)


def watched(*, query: str) -> ListSubject:
    return ListSubject(SwapFilter.of(QueryDict(query)))


@require_safe
def swaps(request: HttpRequest) -> HttpResponse:
    models = ServedModel.objects.order_by("name").values_list("name", flat=True)
    wanted = SwapFilter.of(request.GET)
    choices = {
        "states": [(state.value, state in wanted.states) for state in SwapState],
        "models": list(models[:SUGGESTED_MODELS]),
        "searched": TEXT_SEARCHED,
    }
    return show_list(request, wanted, choices)
