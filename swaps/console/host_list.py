"""All model hosts by name, by filters that are in the address. Live, page by page."""

from dataclasses import dataclass
from typing import Self

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.adapters.registry import KINDS
from swaps.console.database_clock import database_now
from swaps.console.live_page import nothing_personal, render_fragments
from swaps.console.visitors import context_of, page
from swaps.console.watch import Look
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth
from swaps.readings.hosts import ModelHostReading, read_hosts
from swaps.readings.pages import CursorInvalid, Page

FOLDER = "hosts"
SHOWN = 50
LONGEST = 200
FIELDS = ("text", "kind", "health")
# Hosts are asked every few seconds: looking more often shows nothing new.
PACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class HostFilter:
    """Which hosts somebody wants to see. What cannot be meant is in `errors`, by field."""

    text: str = ""
    kind: str = ""
    health: str = ""
    cursor: str = ""
    errors: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        """A filter that is misspelt must not show everything, so it is an error."""
        errors = [
            (name, f"there is no filter {name[:40]!r}")
            for name in given
            if name not in {*FIELDS, "cursor"}
        ]
        values = {name: given.get(name, "").strip() for name in FIELDS}
        for name, value in values.items():
            if len(value) > LONGEST or not value.isprintable():
                errors.append((name, f"at most {LONGEST} characters that can be seen"))
        if values["health"] and values["health"] not in set(HostHealth):
            errors.append(("health", f"there is no health {values['health'][:40]!r}"))
        return cls(**values, cursor=given.get("cursor", ""), errors=tuple(errors))

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.kind or self.health)

    def address(self, *, cursor: str = "") -> str:
        """The query of this list's page, from the cursor on."""
        query = QueryDict(mutable=True)
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
    def rest_call(self) -> str:
        """The same by REST, as far as that goes."""
        query = QueryDict(mutable=True)
        for name in ("kind", "health"):
            if getattr(self, name):
                query[name] = getattr(self, name)
        asked = f"?{query.urlencode()}" if query else ""
        return f'curl -H "Authorization: Bearer $HOTSWAP_TOKEN" "$HOTSWAP_URL/api/v1/hosts{asked}"'

    @property
    def rest_example(self) -> str:
        """How the first host is registered by REST."""
        return (
            'curl -X POST "$HOTSWAP_URL/api/v1/hosts" -H "Authorization: Bearer $HOTSWAP_TOKEN" '
            "-H 'Content-Type: application/json' "
            '-d \'{"name": "gpu-7", "kind": "bundled", "url": "http://gpu-7.example.org:8001"}\''
        )

    def read(self) -> Page[ModelHostReading]:
        """Raises CursorInvalid."""
        return read_hosts(
            kind=self.kind or None,
            health=self.health or None,
            text=self.text or None,
            cursor=self.cursor or None,
            limit=SHOWN,
        )


@dataclass(frozen=True, slots=True)
class HostListSubject:
    """One page of the list, to be watched."""

    wanted: HostFilter

    @classmethod
    def of(cls, *, query: str) -> Self:
        return cls(HostFilter.of(QueryDict(query)))

    def __str__(self) -> str:
        return f"hosts {self.wanted.own_address}"

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


def _rows(wanted: HostFilter, found: Page[ModelHostReading]) -> dict[str, object]:
    return {
        "hosts": found.items,
        "further": wanted.address(cursor=found.cursor) if found.cursor else "",
        "wanted": wanted,
    }


@require_safe
@page
def hosts(request: HttpRequest) -> HttpResponse:
    """What they are, whether they answer, what is on them, and what is not as it should be."""
    wanted = HostFilter.of(request.GET)
    kinds = {*KINDS, *ModelHost.objects.values_list("kind", flat=True).distinct()}
    context = context_of(request, "hosts") | {
        "wanted": wanted,
        "kinds": sorted(kinds),
        "healths": list(HostHealth.values),
    }
    if wanted.errors:
        return render(request, "console/hosts.html", context, status=422)
    try:
        context |= _rows(wanted, wanted.read())
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    context["live"] = {"now": database_now()}
    return render(request, "console/hosts.html", context)
