"""/metrics: the fleet in numbers, as Prometheus reads them.

Names and counts, no credentials. Whoever sends a token sees what it is for; without one all
is shown, as scrapers expect, unless HOTSWAP_OPEN_METRICS is 0. What is not known is left out,
never 0.

prometheus-client writes the text. Its registry of the whole process is not used: what is shown are
rows, which every process reads alike, and who asks decides which of them.
"""

from collections.abc import Iterable, Iterator

from django.conf import settings
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

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

Sample = tuple[dict[str, str], float]


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
    text = generate_latest(Fleet(scope))
    return HttpResponse(text, content_type=CONTENT_TYPE_PLAIN_0_0_4)


class Fleet(Collector):
    """What one scrape shows to a caller whose token is for `scope`; made anew for each."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def collect(self) -> Iterator[Metric]:
        yield from _swaps(self._scope)
        yield from _hosts()
        yield from _router(self._scope)
        yield from _services()


def _swaps(scope: Scope) -> Iterator[Metric]:
    within = Q() if scope is None else Q(model__name__in=scope)
    samples = [({"state": state.value}, count) for state, count in count_swaps(scope).items()]
    yield _gauge("hotswap_swaps", "Swaps by state.", samples)
    waiting = SwapOperation.objects.filter(within, queued=True, state=SwapState.NOT_STARTED)
    queued = waiting.count()
    yield _gauge("hotswap_swaps_queued", "Swaps that wait in line.", [({}, queued)])


def _hosts() -> Iterator[Metric]:
    counted = dict(ModelHost.objects.order_by().values_list("health").annotate(count=Count("pk")))
    samples = [({"health": health.value}, counted.get(health.value, 0)) for health in HostHealth]
    yield _gauge("hotswap_hosts", "Model hosts by health.", samples)


def _router(scope: Scope) -> Iterator[Metric]:
    counted = dict(
        NodeIncarnation.objects.order_by().values_list("state").annotate(count=Count("pk"))
    )
    samples = [
        ({"state": state.value}, counted.get(state.value, 0)) for state in REQUIRED_NODE_STATES
    ]
    yield _gauge("hotswap_router_nodes", "Router nodes that must agree.", samples)
    ends: list[Sample] = [
        ({"holder": one.holder, "name": one.name}, one.ends_at.timestamp())
        for one in read_certificates()
    ]
    yield _gauge(
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
    yield _gauge("hotswap_weight_percent", "Requested weight of a version.", weights)
    yield _gauge("hotswap_route_revision", "Newest revision of a route.", revisions)
    yield _gauge("hotswap_route_applied", "1 when every node applied it.", applied)
    yield _gauge("hotswap_in_flight_requests", "Requests now on a version.", requests)


def _services() -> Iterator[Metric]:
    health = read_service_health()
    now = health.postgres.now
    beats: list[Sample] = []
    clocks: list[Sample] = []
    for one in health.processes:
        labels = {"kind": one.kind, "name": one.name}
        beats.append((labels, (now - one.beat_at).total_seconds()))
        clocks.append((labels, one.clock_ahead_seconds))
    yield _gauge(
        "hotswap_process_silent_seconds", "Since a process last said that it lives.", beats
    )
    yield _gauge(
        "hotswap_process_clock_ahead_seconds", "Its machine's clock against Postgres'.", clocks
    )
    done: list[Sample] = [
        ({"duty": one.name}, (now - one.done_at).total_seconds())
        for one in health.duties
        if one.done_at is not None
    ]
    yield _gauge(
        "hotswap_duty_done_seconds", "Since a worker last finished what it does now and then.", done
    )
    valkey, read_only = int(not health.valkey), int(health.postgres.read_only)
    yield _gauge("hotswap_valkey_up", "1 when Valkey answers.", [({}, valkey)])
    yield _gauge("hotswap_postgres_read_only", "1 when it is.", [({}, read_only)])
    yield _gauge(
        "hotswap_postgres_notify_queue_ratio",
        "How full the NOTIFY queue is, from 0 to 1.",
        [({}, health.postgres.notify_queue)],
    )


def _gauge(name: str, words: str, samples: Iterable[Sample]) -> Metric:
    family = GaugeMetricFamily(name, words)
    for labels, value in samples:
        family.add_sample(name, labels, value)
    return family
