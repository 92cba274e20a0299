"""The router, live: every Envoy, what it has applied, what it refuses, and what it holds up."""

from dataclasses import dataclass

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from swaps.access.roles import Action, Actor, Role, role_of
from swaps.commands.nodes.ending import retire_node
from swaps.console.shared.database_clock import database_now
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.live_page import render_fragments, render_personal
from swaps.console.shared.pages import show
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.visitors import actor_of
from swaps.console.shared.watch import Look
from swaps.domain.states import DRAINING_STATES
from swaps.live.broadcast import FLEET_GROUP
from swaps.models import NodeIncarnation, SwapOperation
from swaps.models.nodes import NodeState
from swaps.readings.router.router import IncarnationReading, RouterReading, read_router

FOLDER = "router"
SHARED_FRAGMENTS = ("nodes", "routes", "parts")
# With the buttons of whoever may.
PERSONAL_FRAGMENT = "missed"
PACE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One run of one Envoy, and how far it is with the routes."""

    reading: IncarnationReading
    behind: list[str]  # a phrase a model: what it has, and what is wanted
    refusals: list[str]

    @property
    def applied(self) -> int:
        return len(self.reading.routes) - len(self.behind)


@dataclass(frozen=True, slots=True)
class RouterNow:
    """All that the page shows, read at one moment."""

    reading: RouterReading
    drains: list[SwapOperation]  # that wait for every node's proof

    @property
    def rows(self) -> list[NodeRow]:
        """Those that count."""
        wanted = {route.model: route.revision for route in self.reading.routes}
        return [_row(node, wanted) for node in self.reading.nodes if node.required]

    @property
    def ended(self) -> list[IncarnationReading]:
        return [node for node in self.reading.nodes if not node.required]

    @property
    def missed(self) -> list[IncarnationReading]:
        """Away: they may still send traffic by their old routes, so drains wait for them."""
        return [node for node in self.reading.nodes if node.state == NodeState.AWAY]

    @property
    def connected(self) -> int:
        return sum(node.state == NodeState.CONNECTED for node in self.reading.nodes)

    @property
    def requests_per_second(self) -> float | None:
        """Of those that are connected; None as soon as one of them is not known."""
        rates = [
            node.requests_per_second
            for node in self.reading.nodes
            if node.state == NodeState.CONNECTED
        ]
        known = [rate for rate in rates if rate is not None]
        return sum(known) if known and len(known) == len(rates) else None


def look_at_router() -> RouterNow:
    drains = SwapOperation.objects.filter(state__in=DRAINING_STATES, queued=False)
    return RouterNow(read_router(), list(drains.select_related("model").order_by("start_time")))


def _row(node: IncarnationReading, wanted: dict[str, int]) -> NodeRow:
    behind = [
        f"{on.model} at revision {on.revision}, wanted {wanted[on.model]}"
        for on in node.routes
        if not on.applied and on.model in wanted
    ]
    refusals = [node.refusal] if node.refusal else []
    refusals += [
        f"{on.model}, revision {on.refused_revision}: {on.refusal}"
        for on in node.routes
        if on.refusal
    ]
    return NodeRow(node, behind, refusals)


@dataclass(frozen=True, slots=True)
class RouterSubject:
    """All nodes, to be watched."""

    def __str__(self) -> str:
        return "the router"

    @property
    def group(self) -> str:
        return FLEET_GROUP

    def look(self, after: int | None) -> Look:
        now = look_at_router()

        return Look(
            shared=render_fragments(FOLDER, SHARED_FRAGMENTS, {"router": now}, database_now()),
            render_for=render_personal(
                FOLDER, [PERSONAL_FRAGMENT], lambda role: _context(now, role)
            ),
            pace=PACE_SECONDS,
        )


def _context(now: RouterNow, role: Role | None) -> dict[str, object]:
    return {"router": now, "may_retire": Actor("", role, "console").may(Action.RETIRE_NODE)}


@require_safe
def router(request: HttpRequest) -> HttpResponse:
    """Without script or websocket this is the router when the page came."""
    now = {"live": {"now": database_now()}}
    return show(request, _context(look_at_router(), role_of(request.user)) | now)


@require_http_methods(["GET", "HEAD", "POST"])
def retire(request: HttpRequest, nonce: str) -> HttpResponse:
    """Vouch that a node which is away has ended."""
    return answer_dialog(request, lambda: _retirement(request, nonce))


def _retirement(request: HttpRequest, nonce: str) -> Dialog:
    node = NodeIncarnation.objects.filter(nonce=nonce).first() if nonce.isprintable() else None
    if node is None:
        raise Http404("no node was ever started with that nonce")
    refusal = None
    if node.state == NodeState.CONNECTED:
        refusal = Refusal(f"{node.node_id} is connected, so it lives: end its process first.")
    elif node.state != NodeState.AWAY:
        refusal = Refusal(f"{node.node_id} had ended before: {node.state}.")

    def do(given: QueryDict) -> Done:
        retire_node(actor=actor_of(request), nonce=nonce, reason=given.get("reason", "").strip())
        return Done(reverse("router"), f"{node.node_id} is retired: no drain waits for it.")

    return Dialog(
        actions=(Action.RETIRE_NODE,),
        title=f"Retire {node.node_id}?",
        subject=f"{node.node_id} {nonce}",
        effect=(
            "You vouch that this process has ended. From now on nothing waits for it: drains go "
            "on, and versions may be unloaded. If it still runs, requests that it sends to an "
            "unloaded version fail. Your name stands on it in the audit log."
        ),
        button="Retire the node",
        keep="Keep waiting",
        dangerous=True,
        typed=node.node_id,
        do=do,
        back=reverse("router"),
        refusal=refusal,
    )
