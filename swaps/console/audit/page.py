"""The audit log: who did what, the newest first, by filters that are in the address. Live, page
by page; and each entry with what proves it.
"""

import shlex
from dataclasses import dataclass
from typing import ClassVar, Self

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.views.decorators.http import require_safe

from swaps.audit.filters import FIELDS, AuditFilter, FilterInvalid
from swaps.console.audit.changes import changes
from swaps.console.audit.form import Fields, fields_of
from swaps.console.shared.list_page import ListFilter, ListSubject, show_list
from swaps.console.shared.pages import show
from swaps.models import AuditEntry
from swaps.readings.audit.entries import AuditReading, read_audit, read_entry
from swaps.readings.shared.pages import Page

SHOWN = 50
LARGEST_ID = 2**63 - 1
# Where the command line calls a filter otherwise.
_OPTIONS = {"object_name": "object"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditList(ListFilter):
    NAME: ClassVar[str] = "audit"
    FOLDER: ClassVar[str] = "audit"

    given: tuple[tuple[str, str], ...] = ()  # by name, as typed

    @classmethod
    def of(cls, given: QueryDict) -> Self:
        typed = {name: str(value) for name, value in given.items() if name != "cursor"}
        filled = {name: value for name, value in typed.items() if value.strip()}
        try:
            AuditFilter.of(filled)
            errors: dict[str, str] = {}
        except FilterInvalid as problem:
            errors = problem.errors
        return cls(
            given=tuple(filled.items()),
            cursor=given.get("cursor", ""),
            errors=tuple(errors.items()),
        )

    def filter(self) -> AuditFilter:
        """Made anew for each look: two hours ago is another time then. Raises FilterInvalid."""
        return AuditFilter.of(dict(self.given))

    def asked(self) -> dict[str, list[str]]:
        return {name: [value] for name, value in self.given}

    @property
    def fields(self) -> Fields:
        return fields_of(dict(self.given), dict(self.errors))

    @property
    def unknown(self) -> list[tuple[str, str]]:
        """The errors that have no field to stand beside."""
        return [(name, why) for name, why in self.errors if name not in FIELDS]

    @property
    def command(self) -> str:
        """The same on the command line."""
        words = ["hotswap", "audit"]
        for name, value in self.given:
            if name in FIELDS:
                words += [f"--{_OPTIONS.get(name, name).replace('_', '-')}", value]
        return shlex.join(words)

    def read(self) -> Page[AuditReading]:
        """Raises CursorInvalid."""
        return read_audit(self.filter(), cursor=self.cursor or None, limit=SHOWN)

    def rows(self, found: Page[AuditReading]) -> dict[str, object]:
        return {"entries": found.items}


def watched(*, query: str) -> ListSubject:
    return ListSubject(AuditList.of(QueryDict(query)))


@require_safe
def audit(request: HttpRequest) -> HttpResponse:
    """What cannot be meant is said beside its field."""
    return show_list(request, AuditList.of(request.GET), {})


@require_safe
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One entry: what was before and after, and what proves it."""
    try:
        if entry_id > LARGEST_ID:
            raise AuditEntry.DoesNotExist
        found = read_entry(entry_id)
    except AuditEntry.DoesNotExist:
        raise Http404(f"no audit entry has the id {entry_id}") from None
    return show(request, {"entry": found, "changes": changes(found.before, found.after)})
