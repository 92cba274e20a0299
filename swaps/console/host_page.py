"""One model host, live: whether it answers, what it can do, what is on it."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.database_clock import database_now
from swaps.console.live_page import nothing_personal, render_fragments
from swaps.console.visitors import context_of, page
from swaps.console.watch import Look
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import ModelHost
from swaps.readings.hosts import ModelHostReading, read_host

FOLDER = "host"
SHARED_FRAGMENTS = ("now", "versions", "abilities")
PACE_SECONDS = 1.0


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
        try:
            reading = read_host(self.name)
        except ModelHost.DoesNotExist:
            return None
        context = host_context(reading)
        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, context, database_now()),
            render_for=nothing_personal,
            pace=PACE_SECONDS,
        )


def host_context(reading: ModelHostReading) -> dict[str, object]:
    """What the fragments are rendered from."""
    return {"host": reading}


@require_safe
@page
def host(request: HttpRequest, name: str) -> HttpResponse:
    """Without script or websocket this is the host as it was last seen when the page came."""
    try:
        reading = read_host(name)
    except ModelHost.DoesNotExist:
        raise Http404(f"no host {name!r} is registered") from None
    context = (
        context_of(request, "hosts") | host_context(reading) | {"live": {"now": database_now()}}
    )
    return render(request, "console/host.html", context)
