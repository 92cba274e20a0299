"""What is asked for: its fields, its turn and its hosts, checked. Nothing is written here."""

import uuid
from dataclasses import dataclass, field

from swaps.access.roles import Actor
from swaps.commands.errors import (
    AlreadyActive,
    InvalidRequest,
    ModelNotFound,
    QueueHeld,
    SwapInProgress,
    SwapNotFound,
    VersionNotActive,
)
from swaps.commands.swaps.strategies import resolve_strategy
from swaps.domain.commands import Command
from swaps.domain.host_addresses import not_alike, parse_host_url
from swaps.domain.names import name_problem
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import StrategyInvalid
from swaps.domain.strategies import Strategy
from swaps.models import ModelHost, Route, ServedModel, SwapOperation
from swaps.models.hosts import Desired
from swaps.models.served_models import DrainTimeoutPolicy

LONGEST_SECONDS = 7 * 24 * 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class SwapRequest:
    """What is asked for. None: the model's default. Durations in seconds."""

    model_name: str
    from_version: str | None
    to_version: str
    strategy: object = None
    target_hosts: list[str] | None = None
    drain_timeout_seconds: int | None = None
    load_timeout_seconds: int | None = None
    swap_timeout_seconds: int | None = None  # from its turn; None: no limit
    on_drain_timeout: str | None = None
    keep_warm_seconds: int | None = None
    min_ready_hosts: int | None = None
    when_busy: str = "reject"
    reason: str = ""
    reverses: SwapOperation | None = field(default=None)


def find_model(name: str, *, seen_by: Actor | None = None) -> ServedModel:
    """Raises ModelNotFound, also for a model that this actor's token does not see."""
    # What cannot be a name may be nothing that the database could look for.
    known = name_problem(name, of="model") is None
    model = ServedModel.objects.filter(name=name).first() if known else None
    if model is None or (seen_by is not None and not seen_by.sees(name)):
        raise ModelNotFound(f"no model {name!r} is registered")
    return model


def find_swap(swap_id: uuid.UUID, *, seen_by: Actor) -> SwapOperation:
    """With its model. Raises SwapNotFound, also for a swap that this actor's token does not see."""
    swap = SwapOperation.objects.select_related("model").filter(pk=swap_id).first()
    if swap is None or not seen_by.sees(swap.model.name):
        raise SwapNotFound(f"no swap has the id {swap_id}")
    return swap


def check_fields(request: SwapRequest) -> Strategy | None:
    """The strategy that was asked for, None for the model's default. Raises InvalidRequest."""
    for name, version in (
        ("from_version", request.from_version),
        ("to_version", request.to_version),
    ):
        problem = version is not None and name_problem(version, of="version")
        if problem:
            raise InvalidRequest(name, problem)
    if request.from_version == request.to_version:
        raise InvalidRequest("to_version", f"{request.to_version} is both the old and the new one")
    for name in (
        "drain_timeout_seconds",
        "load_timeout_seconds",
        "swap_timeout_seconds",
        "keep_warm_seconds",
    ):
        seconds: int | None = getattr(request, name)
        least = 1 if name in {"load_timeout_seconds", "swap_timeout_seconds"} else 0
        if seconds is not None and not least <= seconds <= LONGEST_SECONDS:
            raise InvalidRequest(name, f"{seconds} is not between {least} and {LONGEST_SECONDS} s")
    if request.on_drain_timeout not in {None, *DrainTimeoutPolicy.values}:
        words = ", ".join(DrainTimeoutPolicy.values)
        raise InvalidRequest("on_drain_timeout", f"{request.on_drain_timeout!r} is none of {words}")
    if request.when_busy not in {"reject", "queue"}:
        raise InvalidRequest("when_busy", f"{request.when_busy!r} is none of reject, queue")
    if request.strategy is None:
        return None
    try:
        return resolve_strategy(request.strategy)
    except StrategyInvalid as problem:
        raise InvalidRequest("strategy", str(problem)) from problem


def open_swap(model: ServedModel) -> SwapOperation | None:
    return (
        SwapOperation.objects.filter(model=model, queued=False)
        .exclude(state__in=END_STATES)
        .first()
    )


def _queue(model: ServedModel) -> list[SwapOperation]:
    return list(
        SwapOperation.objects.filter(
            model=model, queued=True, state=SwapState.NOT_STARTED
        ).order_by("start_time")
    )


def require_free(model: ServedModel, request: SwapRequest) -> bool:
    """Whether the swap must wait in line. Raises SwapInProgress, QueueHeld."""
    current, queue = open_swap(model), _queue(model)
    if current is None and (request.reverses is not None or not queue):
        return False  # a rollback goes ahead of the queue
    if request.when_busy == "reject":
        ahead = current or queue[0]
        raise SwapInProgress(
            f"{model.name} has an open swap ({ahead.from_version or 'nothing'} → "
            f"{ahead.to_version}, {ahead.state}): wait for it, take it back (rollback), or ask "
            'with when_busy "queue"',
            ahead.pk,
        )
    if model.queue_held_reason and current is None:
        raise QueueHeld(f"the queue of {model.name} is held: {model.queue_held_reason}")
    return True


def must_wait(model: ServedModel, request: SwapRequest) -> bool:
    """Whether the swap must wait in line; refuses a source that will not serve at its turn.

    Raises SwapInProgress, QueueHeld, VersionNotActive, AlreadyActive.
    """
    if not require_free(model, request):
        _require_serving(model, request)
        return False
    last = [*filter(None, [open_swap(model)]), *_queue(model)][-1]
    if request.from_version != last.to_version:
        raise VersionNotActive(
            f"{request.from_version or 'nothing'} will not serve {model.name} at that turn: "
            f"the swap ahead ends with {last.to_version}"
        )
    return True


def _require_serving(model: ServedModel, request: SwapRequest) -> None:
    weights: dict[str, int] = Route.objects.get(model=model).weights
    serving = next((v for v, percent in weights.items() if percent == 100), None)
    if request.from_version is None:
        if weights:
            raise AlreadyActive(
                f"{', '.join(sorted(weights))} serves {model.name} already: start a swap from it"
            )
    elif serving != request.from_version:
        now = f"{serving} does" if serving else "no version is active"
        raise VersionNotActive(
            f"{model.name} {request.from_version} does not hold all traffic: {now}"
        )


def choose_hosts(
    model: ServedModel, request: SwapRequest
) -> tuple[list[ModelHost], list[ModelHost]]:
    """Where the old version is, and where the new one shall be: by default the same hosts.

    Raises InvalidRequest.
    """
    source = list(
        ModelHost.objects.filter(
            placements__model=model,
            placements__version=request.from_version or "",
            placements__desired=Desired.LOADED,
        )
    )
    if request.target_hosts is None:
        # In line the source is not loaded yet, but will be where the model is.
        loaded = ModelHost.objects.filter(
            placements__model=model, placements__desired=Desired.LOADED
        ).distinct()
        target = source or list(loaded) or list(ModelHost.objects.all())
    else:
        target = list(ModelHost.objects.filter(name__in=request.target_hosts))
        unknown = sorted(set(request.target_hosts) - {host.name for host in target})
        if unknown:
            raise InvalidRequest("target_hosts", f"no host {', '.join(unknown)} is registered")
    if not target:
        raise InvalidRequest("target_hosts", "no host is registered: register one first")
    least = request.min_ready_hosts
    if least is not None and not 1 <= least <= len(target):
        raise InvalidRequest("min_ready_hosts", f"{least} is not between 1 and {len(target)}")
    problem = not_alike({one.name: (one.kind, parse_host_url(one.url)) for one in target})
    if problem:
        raise InvalidRequest("target_hosts", problem)
    return source, target


def default_policy(model: ServedModel, actor: Actor) -> str:
    """A default is no way around a role: the swap of one who may not force waits instead."""
    default = DrainTimeoutPolicy(model.on_drain_timeout)
    if default is DrainTimeoutPolicy.FORCE and not actor.may(Command.FORCE_UNLOAD, model.name):
        return DrainTimeoutPolicy.WAIT.value
    return default.value


def is_way_back(reverses: SwapOperation | None) -> bool:
    """A swap that takes another one back needs no approval. What takes that back in turn leads
    forward again, and does.
    """
    return reverses is not None and reverses.reverses_id is None
