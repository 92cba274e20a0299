"""Models: what serves, which versions there are and where, what is open and in line."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from django.db.models import Q, QuerySet

from swaps.access.roles import Scope
from swaps.commands.models.edits import contents_of
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.strategies import default_strategy
from swaps.domain.names import version_order
from swaps.domain.states import END_STATES
from swaps.engine.inputs import lacks_approval
from swaps.live.gauges import in_flight
from swaps.models import Placement, Route, ServedModel, SwapOperation, UnprotectRequest
from swaps.models.hosts import Desired, Observed
from swaps.models.served_models import DrainTimeoutPolicy
from swaps.readings.overview.model_rows import ModelRows, read_model_rows
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.shared.pages import DEFAULT_LIMIT, Page, cut, from_name
from swaps.readings.traffic.traffic import Traffic, traffic_of


@dataclass(frozen=True, slots=True)
class VersionOnHost:
    host: str
    status: Annotated[str, one_of(Observed.values)]
    desired: Annotated[str, one_of(Desired.values)]
    reason: str


@dataclass(frozen=True, slots=True)
class VersionReading(Reading):
    version: str
    active: bool
    weight: int
    in_flight: int | None
    hosts: list[VersionOnHost]
    traffic: Traffic | None  # null: no router has it


@dataclass(frozen=True, slots=True)
class RouteReading:
    """Applied: the weights that every required node serves by, null until they agree."""

    revision: int
    weights: dict[str, int]
    applied: dict[str, int] | None


@dataclass(frozen=True, slots=True)
class QueuedSwap:
    id: uuid.UUID
    from_version: str | None
    to_version: str
    requested_by: str
    waits_for_approval: bool


@dataclass(frozen=True, slots=True)
class UnprotectReading:
    """An administrator asked to give up the model's protection; another one may agree."""

    asked_by: str
    time: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class ModelReading(Reading):
    name: str
    hosts: list[str]
    sample_request: Any
    versions: list[VersionReading]
    route: RouteReading
    open_swap: uuid.UUID | None
    queue: list[QueuedSwap]
    queue_held_reason: str | None
    protected: bool  # its swaps wait for the approval of a second person
    unprotect_request: UnprotectReading | None  # waits for a second administrator
    default_strategy: Any
    drain_timeout_seconds: int
    load_timeout_seconds: int
    on_drain_timeout: Annotated[str, one_of(DrainTimeoutPolicy.values)]
    keep_warm_seconds: int
    etag: str  # of what can be edited: give it as If-Match


def read_model(name: str, *, scope: Scope = None) -> ModelReading:
    """Raises ServedModel.DoesNotExist, also for a model that is out of scope."""
    return _read_each([_within(scope).only("pk").get(name=name).pk])[0]


def read_models(
    *,
    name_contains: str | None = None,
    host: str | None = None,
    swapping: bool | None = None,
    serving: bool | None = None,
    held: bool | None = None,
    protected: bool | None = None,
    scope: Scope = None,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ModelReading]:
    """By name. `host`: only those of which a version shall be loaded there; `swapping`: only
    those that have an open swap, or have none; `serving`: of which a version has traffic, or
    none; `held`: whose line waits for an operator, or does not. Raises CursorInvalid.
    """
    found = _within(scope)
    if name_contains is not None:
        found = found.filter(name__contains=name_contains)
    if host is not None:
        loaded = Placement.objects.filter(host__name=host, desired=Desired.LOADED)
        found = found.filter(pk__in=loaded.values("model"))
    if swapping is not None:
        open_swaps = SwapOperation.objects.filter(queued=False).exclude(state__in=END_STATES)
        having = Q(pk__in=open_swaps.values("model"))
        found = found.filter(having if swapping else ~having)
    if serving is not None:
        routes = Q(pk__in=Route.objects.exclude(weights={}).values("model"))
        found = found.filter(routes if serving else ~routes)
    if held is not None:
        free = Q(queue_held_reason="")
        found = found.filter(~free if held else free)
    if protected is not None:
        found = found.filter(protected=protected)
    found = from_name(found, cursor, descending=descending)
    rows = list(found.values_list("pk", "name")[: limit + 1])
    return cut(rows, limit, lambda row: [row[1]], _read_each([pk for pk, _ in rows[:limit]]))


def _within(scope: Scope) -> QuerySet[ServedModel]:
    return (
        ServedModel.objects.all() if scope is None else ServedModel.objects.filter(name__in=scope)
    )


def _read_each(pks: Sequence[int]) -> list[ModelReading]:
    rows = read_model_rows(pks)
    return [_reading(rows[pk]) for pk in pks]


def _reading(rows: ModelRows) -> ModelReading:
    model, route = rows.model, rows.route
    versions = {row.version for row in rows.placements} | set(rows.weights) | set(rows.clusters)
    return ModelReading(
        name=model.name,
        hosts=sorted({row.host.name for row in rows.placements}),
        sample_request=model.sample_request,
        versions=[_version(rows, version) for version in sorted(versions, key=version_order)],
        route=RouteReading(
            revision=route.revision if route else 0,
            weights=rows.weights,
            applied=rows.weights if rows.applied else None,
        ),
        open_swap=rows.open_swap.pk if rows.open_swap else None,
        queue=[
            QueuedSwap(
                swap.pk,
                swap.from_version,
                swap.to_version,
                swap.requested_by,
                bool(lacks_approval(swap)),
            )
            for swap in rows.queue
        ],
        queue_held_reason=model.queue_held_reason or None,
        protected=model.protected,
        unprotect_request=_unprotect_request(model),
        default_strategy=default_strategy(model).as_json(),
        drain_timeout_seconds=model.drain_timeout_seconds,
        load_timeout_seconds=model.load_timeout_seconds,
        on_drain_timeout=model.on_drain_timeout,
        keep_warm_seconds=model.keep_warm_seconds,
        etag=revision_of(contents_of(model)),
    )


def _unprotect_request(model: ServedModel) -> UnprotectReading | None:
    asked: UnprotectRequest | None = getattr(model, "unprotect_request", None)
    return UnprotectReading(asked.requested_by, asked.requested_at, asked.reason) if asked else None


def _version(rows: ModelRows, version: str) -> VersionReading:
    cluster = rows.clusters.get(version)
    gauges = [node.gauges for node in rows.nodes]
    nonces = [node.row.nonce for node in rows.nodes]
    return VersionReading(
        version=version,
        active=version in rows.active,
        weight=rows.weights.get(version, 0),
        in_flight=in_flight(cluster.name, gauges) if cluster else None,
        hosts=[
            VersionOnHost(row.host.name, row.observed, row.desired, row.observed_reason)
            for row in rows.placements
            if row.version == version
        ],
        traffic=traffic_of(cluster.name, nonces, gauges) if cluster else None,
    )
