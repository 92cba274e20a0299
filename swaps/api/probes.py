"""/healthz, /readyz: is this process alive, and can it do its work?

Open to all who reach the port: probes hold no tokens, and the answers no secrets.
"""

from django.db import DatabaseError, InterfaceError
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from swaps.db import writability
from swaps.live.valkey import valkey_trouble
from swaps.models.nodes import NodeState, required_nodes
from swaps.readings.overview.service_health import ServiceHealth, read_service_health
from swaps.readings.router.certificates import read_certificates, warnings_of

OK = "ok"
NOT_KNOWN = "not known without postgres"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: nothing else is asked, or a database that is down would restart every process."""
    return JsonResponse({"status": OK})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Each part by name, with what is wrong; 503 when this console cannot do its work: without
    Postgres, or its tables.

    What else is wrong is in `parts` and `warnings`, and makes no console less ready: with every
    one of them taken out, nobody could look, or roll back.
    """
    try:
        no_writes = writability.recent()
        health = read_service_health()
        nodes, warnings = _nodes(), warnings_of(read_certificates())
    except (DatabaseError, InterfaceError) as error:
        return _not_ready(error)
    serving = NodeState.CONNECTED in nodes.values()
    parts = {
        "postgres": OK,
        "valkey": OK if not health.valkey else "does not answer",
        "router": OK if serving else "no node is connected",
        "workers": _workers(health),
    }
    # Reading goes on, and pages say why nothing moves: so nobody is cut off from them.
    found = [no_writes] if no_writes else []
    found += [one.reason for one in health.findings()]
    return JsonResponse(
        {"status": OK, "parts": parts, "router_nodes": nodes, "warnings": [*found, *warnings]}
    )


def _not_ready(error: Exception) -> HttpResponse:
    # A table or column that is missing; any other error is one of the connection, or of Postgres.
    unmigrated = getattr(error.__cause__, "sqlstate", None) in {"42P01", "42703"}
    parts = {
        "postgres": "its tables cannot be read: run the migrations"
        if unmigrated
        else "does not answer",
        "valkey": "does not answer" if valkey_trouble() else OK,
        "router": NOT_KNOWN,
        "workers": NOT_KNOWN,
    }
    return JsonResponse(
        {"status": "not-ready", "parts": parts, "router_nodes": {}, "warnings": []}, status=503
    )


def _workers(health: ServiceHealth) -> str:
    alive = any(not health.silent(one) for one in health.processes if one.kind == "worker")
    return OK if alive else "no worker is heard of"


def _nodes() -> dict[str, str]:
    """Those that count, by name: those that are away too."""
    live = ExpressionWrapper(Q(router__lease_until__gt=Now()), output_field=BooleanField())
    found = required_nodes().annotate(live=live).values_list("node_id", "state", "live")
    # A row says "connected" until somebody writes; only a router process that lives does.
    return {
        name: "its router process is gone" if state == NodeState.CONNECTED and not live else state
        for name, state, live in found
    }
