"""What there is of a name: models, versions, swaps, hosts and nodes. Each look is bounded."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from swaps.access.roles import Scope
from swaps.db.version_order import version_order
from swaps.models import ModelHost, NodeIncarnation, Placement, Route, ServedModel, SwapOperation
from swaps.models.hosts import Observed
from swaps.models.nodes import REQUIRED_NODE_STATES
from swaps.readings.swap.swaps import TEXT_SEARCHED

LONGEST = 100
# Fewer letters than this begin too many ids to mean one.
SHORTEST_ID = 4
_HEX = frozenset("0123456789abcdef")
_ID_LENGTH = 32


@dataclass(frozen=True, slots=True)
class ModelHit:
    name: str
    serves: dict[str, int]  # weights by version


@dataclass(frozen=True, slots=True)
class VersionHit:
    model: str
    version: str
    hosts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SwapHit:
    id: uuid.UUID
    model: str
    from_version: str | None
    to_version: str
    state: str
    start_time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class HostHit:
    name: str
    kind: str
    url: str
    health: str


@dataclass(frozen=True, slots=True)
class NodeHit:
    name: str
    state: str


@dataclass(frozen=True, slots=True)
class Found:
    """At most so many of each kind as were asked for, the best first."""

    models: list[ModelHit]
    versions: list[VersionHit]
    swaps: list[SwapHit]
    hosts: list[HostHit]
    nodes: list[NodeHit]

    @property
    def count(self) -> int:
        return (
            len(self.models)
            + len(self.versions)
            + len(self.swaps)
            + len(self.hosts)
            + len(self.nodes)
        )


def search(text: str, *, scope: Scope = None, limit: int) -> Found:
    """`text` in the names, in either case of letters. Two words are a model and a version; the
    beginning of an id is a swap's. `limit`: of each kind.

    Model hosts and router nodes concern every model, so whoever may see only some sees those too.
    """
    text = " ".join(text.lower().split())[:LONGEST]
    if not text or not text.isprintable():
        return Found([], [], [], [], [])
    return Found(
        _models(text, scope, limit),
        _versions(text, scope, limit),
        _swaps(text, scope, limit),
        _hosts(text, limit),
        _nodes(text, limit),
    )


def _best_first(column: str, text: str) -> Case:
    """The very name, then those that begin with it, then the others."""
    return Case(
        When(**{column: text}, then=Value(0)),
        When(**{f"{column}__startswith": text}, then=Value(1)),
        default=Value(2),
        output_field=IntegerField(),
    )


def _models(text: str, scope: Scope, limit: int) -> list[ModelHit]:
    found = ServedModel.objects.filter(_in_scope("name", scope), name__contains=text)
    names = found.order_by(_best_first("name", text), "name").values_list("name", flat=True)[:limit]
    routes = Route.objects.filter(model__name__in=list(names))
    weights = dict(routes.values_list("model__name", "weights"))
    return [ModelHit(name, weights.get(name) or {}) for name in names]


def _versions(text: str, scope: Scope, limit: int) -> list[VersionHit]:
    model, _, version = text.rpartition(" ")
    placed = Placement.objects.exclude(observed=Observed.ABSENT).filter(
        _in_scope("model__name", scope), version__contains=version
    )
    if model:
        placed = placed.filter(model__name__contains=model)
    names = list(
        placed.order_by(_best_first("version", version), "model__name", version_order("version"))
        .values_list(
            "model__name", "version", _best_first("version", version), version_order("version")
        )
        .distinct()[:limit]
    )
    where = Q(pk__in=[])
    for of, one, *_ in names:
        where |= Q(model__name=of, version=one)
    hosts: dict[tuple[str, str], list[str]] = {}
    for of, one, host in (
        placed.filter(where)
        .order_by("host__name")
        .values_list("model__name", "version", "host__name")
    ):
        hosts.setdefault((of, one), []).append(host)
    return [VersionHit(of, one, tuple(hosts.get((of, one), ()))) for of, one, *_ in names]


def _swaps(text: str, scope: Scope, limit: int) -> list[SwapHit]:
    swaps = SwapOperation.objects.filter(_in_scope("model__name", scope))
    ids = _ids_beginning_with(text)
    found = swaps.filter(pk__range=ids) if ids else swaps.none()
    hits = _hits(found.order_by("-start_time", "-pk"), limit)
    if len(hits) < limit:
        newest = swaps.order_by("-start_time", "-pk")[:TEXT_SEARCHED].values("pk")
        model, _, version = text.rpartition(" ")
        if model:
            matching = Q(model__name__contains=model) & _of_version(version)
        else:
            matching = Q(model__name__contains=text) | _of_version(text)
        matching |= Q(reason__icontains=text)
        more = SwapOperation.objects.filter(matching, pk__in=newest)
        more = more.exclude(pk__in=[hit.id for hit in hits])
        hits += _hits(more.order_by("-start_time", "-pk"), limit - len(hits))
    return hits


def _of_version(version: str) -> Q:
    return Q(from_version__startswith=version) | Q(to_version__startswith=version)


def _ids_beginning_with(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The first and the last id, so that the index of ids finds those between."""
    digits = text.replace("-", "")
    if not SHORTEST_ID <= len(digits) <= _ID_LENGTH or not set(digits) <= _HEX:
        return None
    return uuid.UUID(digits.ljust(_ID_LENGTH, "0")), uuid.UUID(digits.ljust(_ID_LENGTH, "f"))


def _hits(swaps: QuerySet[SwapOperation], limit: int) -> list[SwapHit]:
    rows: Iterable[SwapOperation] = swaps.select_related("model")[:limit]
    return [
        SwapHit(
            swap.pk,
            swap.model.name,
            swap.from_version,
            swap.to_version,
            swap.state,
            swap.start_time,
            swap.reason,
        )
        for swap in rows
    ]


def _hosts(text: str, limit: int) -> list[HostHit]:
    found = ModelHost.objects.filter(Q(name__contains=text) | Q(url__icontains=text))
    rows = found.order_by(_best_first("name", text), "name")[:limit]
    return [HostHit(host.name, host.kind, host.url, host.health) for host in rows]


def _nodes(text: str, limit: int) -> list[NodeHit]:
    """Those that serve, or may still serve, traffic."""
    found = NodeIncarnation.objects.filter(node_id__icontains=text, state__in=REQUIRED_NODE_STATES)
    rows = found.order_by("node_id", "-connected_at").distinct("node_id")[:limit]
    return [NodeHit(node.node_id, node.state) for node in rows]


def _in_scope(column: str, scope: Scope) -> Q:
    return Q() if scope is None else Q(**{f"{column}__in": scope})
