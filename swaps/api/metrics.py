"""/metrics: the fleet in numbers, as Prometheus reads them.

Names and counts, no credentials. Whoever sends a token sees what it is for; without one all
is shown, as scrapers expect, unless HOTSWAP_OPEN_METRICS is 0. What is not known is left out,
never 0.
"""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from swaps.access.roles import NotAllowed, Scope
from swaps.access.throttles import TooOften
from swaps.api.bearer import Bearer
from swaps.api.problems import problem, too_often, unauthenticated
from swaps.domain.names import version_order
from swaps.domain.states import SwapState
from swaps.live.gauges import in_flight
from swaps.models import ModelHost, NodeIncarnation, ServedModel, SwapOperation
from swaps.models.hosts import HostHealth
from swaps.models.nodes import REQUIRED_NODE_STATES
from swaps.readings.overview.model_rows import read_model_rows
from swaps.readings.overview.service_health import read_service_health
from swaps.readings.router.certificates import read_certificates
from swaps.readings.swap.counts import count_swaps

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Sample = tuple[Mapping[str, str], float]


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    scope: Scope = None
    if "Authorization" in request.headers or not settings.OPEN_METRICS:
        try:
            actor = Bearer()(request)
        except NotAllowed as refusal:
            return problem(403, "forbidden", str(refusal))
        except TooOften as refusal:
            return too_often(request, refusal)
        if actor is None:
            return unauthenticated(request)
        scope = actor.models
    lines = [*_swaps(scope), *_hosts(), *_router(scope), *_services(), ""]
    return HttpResponse("\n".join(lines), content_type=CONTENT_TYPE)


def _swaps(scope: Scope) -> Iterable[str]:
    within = Q() if scope is None else Q(model__name__in=scope)
    samples = [({"state": state.value}, count) for state, count in count_swaps(scope).items()]
    yield from _family("hotswap_swaps", "Swaps by state.", samples)
    waiting = SwapOperation.objects.filter(within, queued=True, state=SwapState.NOT_STARTED)
    queued = waiting.count()
    yield from _family("hotswap_swaps_queued", "Swaps that wait in line.", [({}, queued)])


def _hosts() -> Iterable[str]:
    counted = dict(ModelHost.objects.order_by().values_list("health").annotate(count=Count("pk")))
    samples = [({"health": health.value}, counted.get(health.value, 0)) for health in HostHealth]
    yield from _family("hotswap_hosts", "Model hosts by health.", samples)


def _router(scope: Scope) -> Iterable[str]:
    counted = dict(
        NodeIncarnation.objects.order_by().values_list("state").annotate(count=Count("pk"))
    )
    samples = [
        ({"state": state.value}, counted.get(state.value, 0)) for state in REQUIRED_NODE_STATES
    ]
    yield from _family("hotswap_router_nodes", "Router nodes that must agree.", samples)
    ends: list[Sample] = [
        ({"holder": one.holder, "name": one.name}, one.ends_at.timestamp())
        for one in read_certificates()
    ]
    yield from _family(
        "hotswap_certificate_expiry_timestamp_seconds",
        "When a certificate between nodes and router processes ends.",
        ends,
    )

    weights: list[Sample] = []
    revisions: list[Sample] = []
    applied: list[Sample] = []
    requests: list[Sample] = []
    shown = ServedModel.objects.filter(Q() if scope is None else Q(name__in=scope))
    for rows in read_model_rows(shown.values_list("pk", flat=True)).values():
        model = {"model": rows.model.name}
        gauges = [node.gauges for node in rows.nodes]
        if rows.route is not None:
            revisions.append((model, rows.route.revision))
            applied.append((model, int(rows.applied)))
        for version in sorted({*rows.weights, *rows.clusters}, key=version_order):
            labels = {**model, "version": version}
            weights.append((labels, rows.weights.get(version, 0)))
            cluster = rows.clusters.get(version)
            count = in_flight(cluster.name, gauges) if cluster is not None else None
            if count is not None:
                requests.append((labels, count))
    yield from _family("hotswap_weight_percent", "Requested weight of a version.", weights)
    yield from _family("hotswap_route_revision", "Newest revision of a route.", revisions)
    yield from _family("hotswap_route_applied", "1 when every node applied it.", applied)
    yield from _family("hotswap_in_flight_requests", "Requests now on a version.", requests)


def _services() -> Iterable[str]:
    health = read_service_health()
    now = health.postgres.now
    beats: list[Sample] = []
    clocks: list[Sample] = []
    for one in health.processes:
        labels = {"kind": one.kind, "name": one.name}
        beats.append((labels, (now - one.beat_at).total_seconds()))
        clocks.append((labels, one.clock_ahead_seconds))
    yield from _family(
        "hotswap_process_silent_seconds", "Since a process last said that it lives.", beats
    )
    yield from _family(
        "hotswap_process_clock_ahead_seconds", "Its machine's clock against Postgres'.", clocks
    )
    done: list[Sample] = [
        ({"duty": one.name}, (now - one.done_at).total_seconds())
        for one in health.duties
        if one.done_at is not None
    ]
    yield from _family(
        "hotswap_duty_done_seconds", "Since a worker last finished what it does now and then.", done
    )
    valkey, read_only = int(not health.valkey), int(health.postgres.read_only)
    yield from _family("hotswap_valkey_up", "1 when Valkey answers.", [({}, valkey)])
    yield from _family("hotswap_postgres_read_only", "1 when it is.", [({}, read_only)])
    yield from _family(
        "hotswap_postgres_notify_queue_ratio",
        "How full the NOTIFY queue is, from 0 to 1.",
        [({}, health.postgres.notify_queue)],
    )


def _family(name: str, words: str, samples: Iterable[Sample]) -> Iterable[str]:
    yield f"# HELP {name} {words}"
    yield f"# TYPE {name} gauge"
    for labels, value in samples:
        inner = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        # As long as a time needs: six digits, the default, would be ten days off.
        yield f"{name}{{{inner}}} {value:.15g}" if inner else f"{name} {value:.15g}"


def _escaped(text: str) -> str:
    """Of our own names none needs it; a process is named after its machine and its socket."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
