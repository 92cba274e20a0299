"""One model host, live: whether it answers, what it can do, what is on it, what may be adopted."""

from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from swaps.access.roles import Action, Actor, Role, role_of
from swaps.console.shared.database_clock import database_now
from swaps.console.shared.live_page import render_fragments, render_personal
from swaps.console.shared.pages import show
from swaps.console.shared.visitors import visitor_of
from swaps.console.shared.watch import Look
from swaps.domain.drift import Drift
from swaps.domain.names import name_problem
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import ModelHost, Route
from swaps.readings.host.hosts import (
    ModelHostReading,
    PlacementReading,
    UnregisteredReading,
    read_host,
)

FOLDER = "host"
SHARED_FRAGMENTS = ("now", "versions", "abilities")
# With the buttons of whoever may.
PERSONAL_FRAGMENT = "found"
PACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Adoptable:
    """A version on a host whose model serves nothing yet."""

    model: str
    version: str
    status: str
    size_bytes: int | None
    digest: str | None
    registered: bool
    address: str  # of the dialog that asks to adopt it

    @property
    def loaded(self) -> bool:
        return self.status == "ready"


def adoptable(host: ModelHostReading) -> list[Adoptable]:
    """All versions of models that nobody registered, and those loaded of models that nothing
    serves.
    """
    strays = [one for one in host.versions if one.drift == Drift.UNASKED]
    served = (
        set(Route.objects.exclude(weights={}).values_list("model__name", flat=True))
        if strays
        else set()
    )
    found: list[tuple[PlacementReading | UnregisteredReading, bool]] = [
        (one, True) for one in strays if one.model not in served
    ]
    found += [(one, False) for one in host.unregistered]
    return [
        Adoptable(
            model=one.model,
            version=one.version,
            status=one.status,
            size_bytes=one.size_bytes,
            digest=one.digest,
            registered=registered,
            address=(
                f"{reverse('adopt', args=[host.name])}?"
                f"{urlencode({'model': one.model, 'version': one.version})}"
            ),
        )
        for one, registered in found
    ]


@dataclass(frozen=True, slots=True)
class HostSubject:
    """A host, to be watched."""

    name: str

    def __str__(self) -> str:
        return f"host {self.name}"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look | None:
        reading = _reading(self.name)
        if reading is None:
            return None
        found = adoptable(reading)

        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, {"host": reading}, database_now()),
            render_for=render_personal(
                FOLDER, [PERSONAL_FRAGMENT], lambda role: _found(reading, found, role)
            ),
            pace=PACE_SECONDS,
        )


def _reading(name: str) -> ModelHostReading | None:
    """None for a name that no host has, or could have."""
    if name_problem(name, of="host") is not None:
        return None
    try:
        return read_host(name)
    except ModelHost.DoesNotExist:
        return None


def _found(host: ModelHostReading, found: list[Adoptable], role: Role | None) -> dict[str, object]:
    reader = Actor("", role, "console")
    may_register = reader.may(Action.MANAGE_MODELS)
    may_activate = reader.may(Action.ACTIVATE)
    return {
        "host": host,
        "found": [(one, may_activate and (one.registered or may_register)) for one in found],
    }


def host_page_context(request: HttpRequest, name: str) -> dict[str, object]:
    """All that the page needs. Raises Http404."""
    reading = _reading(name)
    if reading is None:
        raise Http404(f"no host {name!r} is registered")
    return _found(reading, adoptable(reading), role_of(request.user)) | {
        "live": {"now": database_now()},
        "visitor": visitor_of(request),
    }


@require_safe
def host(request: HttpRequest, name: str) -> HttpResponse:
    """Without script or websocket this is the host as it was last seen when the page came."""
    return show(request, host_page_context(request, name))
