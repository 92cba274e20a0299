"""/healthz, /readyz: is this process alive, and are the parts it needs there?

Open to all who reach the port: probes hold no tokens, and the answers no secrets.
"""

import redis
from django.db import DatabaseError
from django.db.models import BooleanField, ExpressionWrapper, Q
from django.db.models.functions import Now
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from swaps.engine.nodes import required_nodes
from swaps.live.gauges import valkey
from swaps.models import writability
from swaps.models.nodes import NodeState
from swaps.readings.certificates import read_certificates, warnings_of

OK = "ok"


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: nothing else is asked, or a database that is down would restart every process."""
    return JsonResponse({"status": OK})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Ready: each part by name, with what is wrong; 503 unless all are there.

    `warnings` say what will be wrong some day, and make nobody less ready.
    """
    postgres, warnings = _postgres()
    parts = {"postgres": postgres, "valkey": _valkey()}
    nodes: dict[str, str] = {}
    parts["router"] = "not known without postgres"
    if parts["postgres"] == OK:
        parts["router"], nodes, ends = _router()
        warnings += ends
    ready = all(state == OK for state in parts.values())
    return JsonResponse(
        {
            "status": OK if ready else "not-ready",
            "parts": parts,
            "router_nodes": nodes,
            "warnings": warnings,
        },
        status=200 if ready else 503,
    )


def _postgres() -> tuple[str, list[str]]:
    try:
        no_writes = writability.look()
    except DatabaseError:
        return "does not answer", []
    # Reading goes on, and pages say why nothing moves: so nobody is cut off from them.
    return OK, [no_writes] if no_writes else []


def _valkey() -> str:
    try:
        valkey().ping()
    except redis.RedisError:
        return "does not answer"
    return OK


def _router() -> tuple[str, dict[str, str], list[str]]:
    """One node that serves is enough to be ready; those that are away are named beside it.

    And certificates that end soon: who watches only this must not be cut off by surprise.
    """
    live = ExpressionWrapper(Q(router__lease_until__gt=Now()), output_field=BooleanField())
    try:
        found = list(required_nodes().annotate(live=live).values_list("node_id", "state", "live"))
        warnings = warnings_of(read_certificates())
    except DatabaseError:
        return "its tables cannot be read: run the migrations", {}, []
    # A row says "connected" until somebody writes; only a router process that lives does.
    nodes = {
        name: "its router process is gone" if state == NodeState.CONNECTED and not live else state
        for name, state, live in found
    }
    state = OK if NodeState.CONNECTED in nodes.values() else "no node is connected"
    return state, nodes, warnings
