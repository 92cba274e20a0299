"""A swap as people and programs see it, and the list of swaps."""

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from django.db.models import Q, QuerySet

from swaps.access.roles import Scope
from swaps.domain.states import END_STATES, Phase, SwapState, phase_of
from swaps.live.gauges import in_flight
from swaps.models import ServedModel, SwapOperation
from swaps.models.served_models import DrainTimeoutPolicy
from swaps.readings.overview.model_rows import ModelRows, read_model_rows
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.shared.pages import DEFAULT_LIMIT, CursorInvalid, Page, cut, from_cursor
from swaps.readings.swap.approvals import ApprovalReading, look_up_approvals, read_approval
from swaps.readings.swap.parts import (
    HostReading,
    NodeReading,
    StepReading,
    Timings,
    commands_of,
    deadline_of,
    hosts_of,
    nodes_of,
    steps_of,
    timings_of,
)
from swaps.readings.swap.sentences import waiting_for
from swaps.readings.traffic.traffic import Traffic, observed_weights, traffic_of

TEXT_SEARCHED = 10_000


@dataclass(frozen=True, slots=True)
class Weights:
    """Integer percent by version. Applied: null until every required node agrees.

    Observed: the share of answers in the last seconds; null when unknown.
    """

    requested: dict[str, int]
    applied: dict[str, int] | None
    observed: dict[str, float] | None


@dataclass(frozen=True, slots=True)
class SwapReading(Reading):
    id: uuid.UUID
    model_name: str
    from_version: str | None
    to_version: str
    state: Annotated[str, one_of(SwapState)]
    phase: Annotated[str, one_of(Phase)]
    start_time: datetime
    end_time: datetime | None
    error_message: str | None
    weights: Weights
    in_flight: dict[str, int | None]  # from, to
    traffic: dict[str, Traffic]  # by version; those in the routers now
    waiting_for: str | None
    steps: list[StepReading]
    strategy: str
    step_index: int
    deadline: datetime | None
    generation: int
    revision: int | None
    reason: str
    requested_by: str
    hosts: list[HostReading]
    nodes: list[NodeReading]
    timings: Timings
    commands: dict[str, str | None]
    paused: bool
    queued: bool
    queue_position: int | None  # 1 is next
    cleanup_pending: bool
    past_point_of_no_return: bool
    drained_at: datetime | None
    forced_by: str
    reverses: uuid.UUID | None
    approval: ApprovalReading | None  # null: none is needed
    drain_timeout_seconds: int
    load_timeout_seconds: int
    swap_timeout_seconds: int | None
    on_drain_timeout: Annotated[str, one_of(DrainTimeoutPolicy.values)]
    keep_warm_seconds: int
    min_ready_hosts: int | None


def read_swap(swap: SwapOperation, *, scope: Scope = None) -> SwapReading:
    """`scope`: see read_model_rows; that the swap is within it is for the caller to ask."""
    return read_each([swap], scope=scope)[0]


def read_each(swaps: Sequence[SwapOperation], *, scope: Scope = None) -> list[SwapReading]:
    """The readings of these swaps: a fixed number of queries, however many they are."""
    by_model = read_model_rows(
        {swap.model_id for swap in swaps},
        watches={swap.drain_watch_id for swap in swaps},
        scope=scope,
    )
    look_up_approvals(swaps)
    return [_reading(swap, by_model[swap.model_id]) for swap in swaps]


def read_swaps(
    model: str | None = None,
    state: str | None = None,
    *,
    states: Collection[str] = (),
    phase: str | None = None,
    text: str | None = None,
    requested_by: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    scope: Scope = None,
    descending: bool = True,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[SwapReading]:
    """By the time they were asked for, the newest first unless told otherwise. `state` and
    `phase` are names, `states` some of which any will do; `since` (inclusive) and `until`
    (exclusive) are about that time, too. `text` is part of a version, a reason or an error, in
    either case of letters; only the newest TEXT_SEARCHED of what else matches are read for it.
    Raises CursorInvalid.
    """
    way = "-" if descending else ""
    found = SwapOperation.objects.order_by(f"{way}start_time", f"{way}pk")
    wanted = {
        "model": None if model is None else _model_named(model),
        "state": state,
        "state__in": None
        if phase is None and not states
        else [
            one
            for one in SwapState
            if phase in {None, phase_of(one)} and one in (states or SwapState)
        ],
        "requested_by": requested_by,
        "start_time__gte": since,
        "start_time__lt": until,
    }
    found = found.filter(**{field: value for field, value in wanted.items() if value is not None})
    if scope is not None:
        found = found.filter(model__in=_models_within(scope))
    if text:
        found = _with_text(found, text, order=(f"{way}start_time", f"{way}pk"))
    if cursor is not None:
        began, last = from_cursor(cursor, str, str)
        try:
            start, pk = datetime.fromisoformat(str(began)), uuid.UUID(str(last))
        except ValueError as error:
            raise CursorInvalid("the cursor is of another list") from error
        if start.tzinfo is None:
            raise CursorInvalid("the cursor is of another list")
        beyond = "lt" if descending else "gt"
        later = Q(**{f"start_time__{beyond}": start})
        found = found.filter(later | Q(start_time=start, **{f"pk__{beyond}": pk}))
    rows = _first(found, scope, limit + 1, order=(f"{way}start_time", f"{way}pk"))
    return cut(
        rows,
        limit,
        lambda swap: [swap.start_time.isoformat(), str(swap.pk)],
        read_each(rows[:limit], scope=scope) if rows else [],
    )


# Of so many models each one's own newest are asked for; of more, the newest of all are filtered.
_FEW_MODELS = 50


def _models_within(scope: Collection[str]) -> list[int]:
    """By key: a join by name would keep Postgres from an index that has the order, and sort all
    swaps that these models ever had, for one page.
    """
    return list(ServedModel.objects.filter(name__in=scope).values_list("pk", flat=True))


def _model_named(name: str) -> int:
    return next(iter(_models_within([name])), 0)  # of a model that is not, there are none


def _first(
    found: QuerySet[SwapOperation], scope: Scope, limit: int, *, order: tuple[str, str]
) -> list[SwapOperation]:
    within = [] if scope is None else _models_within(scope)
    if not 1 < len(within) <= _FEW_MODELS:
        return list(found[:limit])
    each = [found.filter(model=model).values("start_time", "pk")[:limit] for model in within]
    pks = [row["pk"] for row in each[0].union(*each[1:], all=True)]
    of_each = SwapOperation.objects.filter(pk__in=pks)
    return list(of_each.order_by(*order)[:limit])


def _with_text(
    found: QuerySet[SwapOperation], text: str, *, order: tuple[str, str]
) -> QuerySet[SwapOperation]:
    # No index finds parts of words here, so it is bounded by how much is read.
    newest = found.order_by("-start_time", "-pk")[:TEXT_SEARCHED]
    matching = Q()
    for column in ("from_version", "to_version", "reason", "error_message"):
        matching |= Q(**{f"{column}__icontains": text})
    return SwapOperation.objects.filter(matching, pk__in=newest.values("pk")).order_by(*order)


def open_swaps() -> list[SwapReading]:
    """Every swap that is not over, those in line included, the oldest first."""
    rows = SwapOperation.objects.exclude(state__in=END_STATES).order_by("start_time", "pk")
    return read_each(list(rows))


def _reading(swap: SwapOperation, rows: ModelRows) -> SwapReading:
    state = SwapState(swap.state)
    # What is over is not about the model's present route, unless that is still its own.
    current = state not in END_STATES or (
        rows.route is not None and swap.revision == rows.route.revision
    )
    versions = [version for version in (swap.from_version, swap.to_version) if version]
    clusters = {v: rows.clusters[v].name for v in versions if v in rows.clusters}
    gauges = [node.gauges for node in rows.nodes]
    nonces = [node.row.nonce for node in rows.nodes]

    counts: dict[str, int | None] = {}
    for version in versions:
        known = current and version in clusters
        counts[version] = in_flight(clusters[version], gauges) if known else None
    steps = steps_of(swap, rows.now)
    deadline = deadline_of(swap, rows)
    drained_version = swap.to_version if state is SwapState.ROLLING_BACK else swap.from_version
    position = next((i for i, other in enumerate(rows.queue, 1) if other.pk == swap.pk), None)
    return SwapReading(
        id=swap.pk,
        model_name=rows.model.name,
        from_version=swap.from_version,
        to_version=swap.to_version,
        state=swap.state,
        phase=swap.phase.value,
        start_time=swap.start_time,
        end_time=swap.end_time,
        error_message=swap.error_message if state is SwapState.FAILED else None,
        weights=_weights(swap, rows, current, nonces, clusters),
        in_flight={
            "from": counts.get(swap.from_version or ""),
            "to": counts.get(swap.to_version),
        },
        traffic={
            version: traffic_of(cluster, nonces, gauges) for version, cluster in clusters.items()
        }
        if current
        else {},
        waiting_for=waiting_for(
            swap,
            rows,
            draining=counts.get(drained_version or ""),
            steps=steps,
            deadline=deadline,
        ),
        steps=steps,
        strategy=str(swap.strategy.get("name", "custom")),
        step_index=swap.step_index,
        deadline=deadline,
        generation=swap.generation,
        revision=swap.revision,
        reason=swap.reason,
        requested_by=swap.requested_by,
        hosts=hosts_of(swap, rows),
        nodes=nodes_of(swap, rows, clusters if current else {}),
        timings=timings_of(swap, rows.now),
        commands=commands_of(swap, rows),
        paused=swap.paused,
        queued=swap.queued,
        queue_position=position,
        cleanup_pending=swap.cleanup_pending,
        past_point_of_no_return=swap.past_return_at is not None,
        drained_at=swap.drained_at,
        forced_by=swap.forced_by,
        reverses=swap.reverses_id,
        approval=read_approval(swap),
        drain_timeout_seconds=swap.drain_timeout_seconds,
        load_timeout_seconds=swap.load_timeout_seconds,
        swap_timeout_seconds=swap.swap_timeout_seconds,
        on_drain_timeout=swap.on_drain_timeout,
        keep_warm_seconds=swap.keep_warm_seconds,
        min_ready_hosts=swap.min_ready_hosts,
    )


def _weights(
    swap: SwapOperation,
    rows: ModelRows,
    current: bool,
    nonces: list[str],
    clusters: dict[str, str],
) -> Weights:
    if current:
        return Weights(
            requested=rows.weights,
            applied=rows.weights if rows.applied else None,
            observed=observed_weights(nonces, clusters),
        )
    # Who served at its end is what its state says.
    version = swap.to_version if swap.state == SwapState.COMPLETED else swap.from_version
    served = {version: 100} if version else {}
    return Weights(requested=served, applied=served, observed=None)
