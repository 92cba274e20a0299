"""What a swap would do, before anybody asks for it: the engine's own guards, asked and told.

Nothing is changed and nothing is promised: the same is checked again when the swap is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from swaps.access.roles import Actor, NotAllowed
from swaps.adapters.contract import Observation, Ref, VersionStatus
from swaps.commands.errors import InvalidRequest, SwapRefused
from swaps.commands.hosts.availability import ask_hosts, why_absent
from swaps.commands.swaps.requests import (
    SwapRequest,
    check_fields,
    choose_hosts,
    default_policy,
    find_model,
    must_wait,
)
from swaps.commands.swaps.strategies import default_strategy, resolve_strategy
from swaps.domain.commands import Command
from swaps.domain.names import version_order
from swaps.domain.states import SwapState
from swaps.domain.strategies import Strategy
from swaps.models import ModelHost, ServedModel, SwapOperation
from swaps.models.hosts import HostHealth
from swaps.models.served_models import DrainTimeoutPolicy
from swaps.readings.overview.model_rows import ModelRows, read_model_rows
from swaps.readings.swap.parts import timings_of
from swaps.readings.traffic.traffic import pinned_requests


@dataclass(frozen=True, slots=True)
class Check:
    """`ok` None: not known, or only a warning; the swap may be asked for all the same."""

    ok: bool | None
    words: str


@dataclass(frozen=True, slots=True)
class OnHost:
    """What happens on one host; `digest` and `size_bytes` as it just said, None if it did not."""

    host: str
    found: str  # ready, available, absent ..., or unknown
    digest: str | None
    size_bytes: int | None
    then: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SwapPlan:
    model: str
    old: str | None
    new: str
    strategy: Strategy | None  # None: it cannot be followed; a check says why
    checks: list[Check]
    hosts: list[OnHost]
    pinned: int | None  # requests so far that named the old version; None: not known
    lasts: timedelta | None  # holds, bake and the last load; None: until somebody promotes
    longest: timedelta | None  # with every deadline used up; None: until somebody promotes
    drain_timeout: timedelta
    on_drain_timeout: str
    keep_warm: timedelta

    @property
    def stopped(self) -> bool:
        return any(check.ok is False for check in self.checks)


@dataclass(frozen=True, slots=True)
class FoundVersion:
    """A version of a model as the hosts told of it when they were last compared."""

    version: str
    weight: int
    digests: tuple[str, ...]  # more than one: different files under one name
    size_bytes: int | None
    on: tuple[str, ...]  # "ready on alpha"


def found_versions(model: ServedModel) -> list[FoundVersion]:
    """The newest name first."""
    rows = read_model_rows([model.pk])[model.pk]
    found = []
    for version in sorted(
        {row.version for row in rows.placements}, key=version_order, reverse=True
    ):
        placed = [row for row in rows.placements if row.version == version]
        found.append(
            FoundVersion(
                version=version,
                weight=rows.weights.get(version, 0),
                digests=tuple(sorted({row.digest for row in placed if row.digest})),
                size_bytes=max((row.size_bytes for row in placed if row.size_bytes), default=None),
                on=tuple(f"{row.observed} on {row.host.name}" for row in placed),
            )
        )
    return found


def plan_swap(request: SwapRequest, actor: Actor) -> SwapPlan:
    """Asks the target hosts now, two seconds at most. Raises ModelNotFound."""
    model = find_model(request.model_name, seen_by=actor)
    rows = read_model_rows([model.pk])[model.pk]
    checks: list[Check] = []
    strategy = _strategy(model, request, checks)
    _tried(checks, lambda: check_fields(replace(request, strategy=None)))
    if request.on_drain_timeout == DrainTimeoutPolicy.FORCE:
        _tried(checks, lambda: actor.require(Command.FORCE_UNLOAD, model.name))
    _check_queue(checks, model, request)
    hosts: list[OnHost] = []
    try:
        source, target = choose_hosts(model, request)
    except InvalidRequest as refused:
        checks.append(Check(False, _sentence(refused)))
    else:
        hosts = _hosts(checks, model, request, source, target)
    if model.protected:
        words = f"{model.name} is protected: the swap waits until a second person approves it."
        checks.append(Check(None, words))
    _check_nodes(checks, rows)
    if model.sample_request is None:
        words = "No sample request is registered: warm-up makes one from the host's metadata."
        checks.append(Check(None, words))
    pinned = _pinned(rows, request.from_version)
    lasts, longest = _durations(model, request, strategy)
    return SwapPlan(
        model=model.name,
        old=request.from_version,
        new=request.to_version,
        strategy=strategy,
        checks=checks,
        hosts=hosts,
        pinned=pinned,
        lasts=lasts,
        longest=longest,
        drain_timeout=_seconds(request.drain_timeout_seconds, model.drain_timeout_seconds),
        on_drain_timeout=request.on_drain_timeout or default_policy(model, actor),
        keep_warm=_seconds(request.keep_warm_seconds, model.keep_warm_seconds),
    )


def _tried(checks: list[Check], guard: Callable[[], object]) -> None:
    try:
        guard()
    except (SwapRefused, NotAllowed) as refused:
        checks.append(Check(False, _sentence(refused)))


def _strategy(model: ServedModel, request: SwapRequest, checks: list[Check]) -> Strategy | None:
    if request.strategy is None:
        return default_strategy(model)
    try:
        return resolve_strategy(request.strategy)
    except ValueError as problem:
        checks.append(Check(False, f"The strategy: {problem}."))
        return None


def _check_queue(checks: list[Check], model: ServedModel, request: SwapRequest) -> None:
    if not request.to_version:
        return
    try:
        waits = must_wait(model, request)
    except SwapRefused as refused:
        checks.append(Check(False, _sentence(refused)))
        return
    if waits:
        checks.append(Check(None, f"Another swap of {model.name} is open: this one waits in line."))
    elif request.from_version:
        checks.append(Check(True, f"{request.from_version} holds all traffic."))
    else:
        checks.append(Check(True, f"Nothing serves {model.name} yet."))


def _hosts(
    checks: list[Check],
    model: ServedModel,
    request: SwapRequest,
    source: list[ModelHost],
    target: list[ModelHost],
) -> list[OnHost]:
    ref = Ref(model.name, request.to_version)
    seen: dict[str, Observation] = {}
    unreachable: dict[str, str] = {}
    if request.to_version:
        seen, unreachable = ask_hosts(target, ref)
        _check_availability(checks, ref, seen, unreachable)
    sick = [host.name for host in target if host.health == HostHealth.UNREACHABLE]
    for name in sorted(set(sick) - unreachable.keys()):
        checks.append(Check(None, f"{name} did not answer when it was last looked at."))
    hosts = []
    sources = {host.name for host in source}
    for host in [*target, *(host for host in source if host not in target)]:
        now = seen.get(host.name)
        then = []
        if host in target:
            ready = now is not None and now.status is VersionStatus.READY
            then.append("takes over what is loaded" if ready else f"loads {ref.version}")
            then.append("answers warm-up calls")
        if host.name in sources:
            then.append(f"unloads {request.from_version} once it is proven idle")
        hosts.append(
            OnHost(
                host=host.name,
                found=now.status.value if now else "unknown",
                digest=now.digest if now else None,
                size_bytes=now.size_bytes if now else None,
                then=tuple(then),
            )
        )
    return hosts


def _check_availability(
    checks: list[Check], ref: Ref, seen: dict[str, Observation], unreachable: dict[str, str]
) -> None:
    for host, reason in sorted(unreachable.items()):
        checks.append(Check(False, f"{host} does not say whether it has {ref.version}: {reason}."))
    absent = why_absent(ref, seen)
    if absent:
        checks.append(Check(False, f"{absent}."))
    elif seen and not unreachable:
        checks.append(Check(True, f"{', '.join(sorted(seen))} just said: {ref.version} is here."))
    digests = {now.digest for now in seen.values() if now.digest}
    if len(digests) > 1:
        checks.append(Check(False, f"The hosts have different files under {ref.version}."))
    elif digests and len(seen) > 1:
        checks.append(Check(True, "It is the same file everywhere, by its digest."))
    for host, now in sorted(seen.items()):
        if now.status is VersionStatus.FAILED:
            why = now.reason or "it did not say why"
            checks.append(Check(None, f"The last load on {host} failed: {why}."))


def _check_nodes(checks: list[Check], rows: ModelRows) -> None:
    names = [node.row.node_id for node in rows.nodes]
    away = [node.row.node_id for node in rows.nodes if node.row.state != "connected"]
    if not names:
        checks.append(Check(None, "No router node is connected: traffic could not be moved."))
    elif away:
        words = f"{', '.join(away)} is away: nothing counts as applied until it is back or retired."
        checks.append(Check(None, words))
    elif not rows.applied and rows.weights:
        checks.append(Check(None, "The present route is not applied on every router node yet."))
    else:
        checks.append(Check(True, f"Every router node is connected: {', '.join(names)}."))


def _pinned(rows: ModelRows, version: str | None) -> int | None:
    cluster = rows.clusters.get(version or "")
    return pinned_requests(cluster.name, [node.gauges for node in rows.nodes]) if cluster else None


def _durations(
    model: ServedModel, request: SwapRequest, strategy: Strategy | None
) -> tuple[timedelta | None, timedelta | None]:
    """How long it lasts when all goes well, and at the very longest (before people are asked)."""
    lengths = [step.lasts for step in strategy.steps] if strategy else [None]
    if strategy is None or None in lengths:
        return None, None
    holds = sum((length for length in lengths if length), timedelta())
    bake = _seconds(request.keep_warm_seconds, model.keep_warm_seconds)
    moves = sum(step.weight is not None for step in strategy.steps)
    longest = (
        _seconds(request.load_timeout_seconds, model.load_timeout_seconds)
        + holds
        + moves * timedelta(seconds=SwapOperation._meta.get_field("apply_timeout_seconds").default)
        + _seconds(request.drain_timeout_seconds, model.drain_timeout_seconds)
        + bake
    )
    if request.swap_timeout_seconds:
        longest = min(longest, timedelta(seconds=request.swap_timeout_seconds))
    return holds + bake + _last_load(model), longest


def _last_load(model: ServedModel) -> timedelta:
    swap = (
        SwapOperation.objects.filter(model=model, state=SwapState.COMPLETED)
        .order_by("-start_time")
        .first()
    )
    seconds = timings_of(swap, swap.end_time).load_seconds if swap and swap.end_time else None
    return timedelta(seconds=seconds or 0)


def _seconds(given: int | None, default: int) -> timedelta:
    return timedelta(seconds=default if given is None else given)


def _sentence(error: Exception) -> str:
    words = str(error)
    return words if words.endswith((".", "!", "?")) else f"{words}."
