"""All model hosts by name, by filters that are in the address. Live, page by page."""

from dataclasses import dataclass
from typing import ClassVar, Self

from django.http import HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from swaps.adapters.registry import KINDS
from swaps.console.shared.list_page import ListFilter, ListSubject, filter_errors, show_list
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth
from swaps.readings.host.hosts import ModelHostReading, read_hosts
from swaps.readings.shared.pages import Page

SHOWN = 50
FIELDS = ("text", "kind", "health")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFilter(ListFilter):
    NAME: ClassVar[str] = "hosts"
    FOLDER: ClassVar[str] = "host"

    text: str = ""
    kind: str = ""
    health: str = ""

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        values = {name: given.get(name, "").strip() for name in FIELDS}
        errors = filter_errors(given, FIELDS, values)
        if values["health"] and values["health"] not in set(HostHealth):
            errors.append(("health", f"there is no health {values['health'][:40]!r}"))
        return cls(**values, cursor=given.get("cursor", ""), errors=tuple(errors))

    def asked(self) -> dict[str, list[str]]:
        return {name: [getattr(self, name)] for name in FIELDS}

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.kind or self.health)

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

    def rows(self, found: Page[ModelHostReading]) -> dict[str, object]:
        return {"hosts": found.items}


def watched(*, query: str) -> ListSubject:
    return ListSubject(HostFilter.of(QueryDict(query)))


@require_safe
def hosts(request: HttpRequest) -> HttpResponse:
    """What they are, whether they answer, what is on them, and what is not as it should be."""
    kinds = {*KINDS, *ModelHost.objects.values_list("kind", flat=True).distinct()}
    choices = {"kinds": sorted(kinds), "healths": list(HostHealth.values)}
    return show_list(request, HostFilter.of(request.GET), choices)
