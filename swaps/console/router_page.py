"""The router, live: every Envoy, what it has applied, what it refuses, and what it blocks."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.console.database_clock import database_now
from swaps.console.live_page import nothing_personal, render_fragments
from swaps.console.visitors import context_of, page
from swaps.console.watch import Look
from swaps.live.broadcast import FLEET_GROUP
from swaps.readings.router import RouterReading, read_router

FOLDER = "router"
SHARED_FRAGMENTS = ("nodes", "routes")
PACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class RouterSubject:
    """All nodes, to be watched."""

    def __str__(self) -> str:
        return "the router"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look:
        context = router_context(read_router())
        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, context, database_now()),
            render_for=nothing_personal,
            pace=PACE_SECONDS,
        )


def router_context(reading: RouterReading) -> dict[str, object]:
    """What the fragments are rendered from."""
    return {"router": reading}


@require_safe
@page
def router(request: HttpRequest) -> HttpResponse:
    """Without script or websocket this is the router when the page came."""
    context = (
        context_of(request, "router")
        | router_context(read_router())
        | {"live": {"now": database_now()}}
    )
    return render(request, "console/router.html", context)
