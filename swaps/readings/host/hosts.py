"""Model hosts: what they are, whether they answer, what is on them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime, timedelta
from typing import Annotated, Any

from django.db.models import Q
from django.utils import timezone

from swaps.access.roles import Scope
from swaps.adapters.contract import HostAddress
from swaps.adapters.errors import Unsupported
from swaps.adapters.registry import adapter_for
from swaps.commands.hosts.edits import contents_of
from swaps.commands.hosts.examination import CheckName, CheckResult, HostCheck
from swaps.commands.revisions import revision_of
from swaps.domain.drift import Drift, drift_of
from swaps.domain.host_addresses import parse_host_url
from swaps.domain.names import version_order
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.hosts.adapters import idle_timeout_of
from swaps.models import ModelHost, Placement, ServedModel, SwapOperation
from swaps.models.hosts import Desired, HostHealth, Observed
from swaps.readings.shared.json_form import Reading, one_of
from swaps.readings.shared.pages import DEFAULT_LIMIT, Page, cut, from_name

# A load that began longer ago and was never heard of again takes no slot any more; the engine
# counts alike (swaps.engine.observe).
SLOT_HELD = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class PlacementReading:
    model: str
    version: str
    desired: Annotated[str, one_of(Desired.values)]
    status: Annotated[str, one_of(Observed.values)]
    reason: str
    digest: str | None
    size_bytes: int | None
    observed_at: datetime | None
    # unasked: loaded, though nobody asked for it; missing: to be loaded, and not loaded; null:
    # as it should be, or not known
    drift: Annotated[str, one_of(Drift)] | None


@dataclass(frozen=True, slots=True)
class UnregisteredReading:
    """A version on a host, of a model that nobody registered: it may be adopted."""

    model: str
    version: str
    status: Annotated[str, one_of(Observed.values)]
    digest: str | None
    size_bytes: int | None


@dataclass(frozen=True, slots=True)
class ModelHostReading(Reading):
    """A host. Its control token is never shown, only whether there is one."""

    name: str
    kind: str
    url: str
    address: str | None  # that the URL's name stood for when it was checked; null: not yet
    health: Annotated[str, one_of(HostHealth.values)]
    health_reason: str | None
    last_seen_at: datetime | None
    boot_id: str | None
    has_control_token: bool
    max_concurrent_loads: int
    loads_running: int  # of those, in use now
    # The router closes a connection to it after so long without a request; null: as measured.
    idle_timeout_seconds: float | None
    # For so long it keeps one open, up to 65 s; null: not measured yet.
    measured_keep_alive_seconds: float | None
    idle_timeout_in_use_seconds: float  # what was set; else half of what was measured, up to 30 s
    capabilities: dict[str, Any] | None  # null: no adapter of that kind
    versions: list[PlacementReading]
    unregistered: list[UnregisteredReading]  # of models that nobody registered, as last listed
    etag: str  # of what can be edited: give it as If-Match


@dataclass(frozen=True, slots=True)
class HostCheckReading:
    """One step of a check; each needs those before it."""

    name: Annotated[str, one_of(CheckName)]
    result: Annotated[str, one_of(CheckResult)]
    words: str  # what was found
    remedy: str  # what to do about it, "" for nothing


@dataclass(frozen=True, slots=True)
class CheckedHostReading(ModelHostReading):
    """A host, and what was just tried with it, in the order in which it was tried."""

    checks: list[HostCheckReading]


def checked_host(reading: ModelHostReading, checks: Sequence[HostCheck]) -> CheckedHostReading:
    found = [HostCheckReading(one.name, one.result, one.words, one.remedy) for one in checks]
    whole = {field.name: getattr(reading, field.name) for field in fields(reading)}
    return CheckedHostReading(**whole, checks=found)


def read_host(name: str, *, scope: Scope = None) -> ModelHostReading:
    """Raises ModelHost.DoesNotExist."""
    return _read_each([ModelHost.objects.get(name=name)], scope)[0]


def read_hosts(
    *,
    kind: str | None = None,
    health: str | None = None,
    model: str | None = None,
    text: str | None = None,
    scope: Scope = None,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page[ModelHostReading]:
    """By name. `model`: only those that have a version of it, loaded or not. `text`: only those
    with it in their name or address. `scope` narrows what is shown on them. Raises CursorInvalid.
    """
    wanted = {"kind": kind, "health": health}
    found = ModelHost.objects.filter(**{name: one for name, one in wanted.items() if one})
    if text:
        found = found.filter(Q(name__icontains=text) | Q(url__icontains=text))
    if model is not None:
        there = Placement.objects.filter(model__name=model).exclude(observed=Observed.ABSENT)
        if scope is not None:
            there = there.filter(model__name__in=scope)
        found = found.filter(pk__in=there.values("host"))
    found = from_name(found, cursor, descending=descending)
    rows = list(found[: limit + 1])
    return cut(rows, limit, lambda host: [host.name], _read_each(rows[:limit], scope))


def _read_each(hosts: Sequence[ModelHost], scope: Scope) -> list[ModelHostReading]:
    placed: dict[int, list[Placement]] = {}
    found = Placement.objects.select_related("model").filter(host__in=hosts)
    for row in found if scope is None else found.filter(model__name__in=scope):
        placed.setdefault(row.host_id, []).append(row)
    swapped_in = _swapped_in() if placed else set()
    registered = _registered() if any(host.unregistered for host in hosts) else set()
    readings = []
    for host in hosts:
        strange = [
            UnregisteredReading(**one)
            for one in host.unregistered
            if one["model"] not in registered and (scope is None or one["model"] in scope)
        ]
        readings.append(_reading(host, placed.get(host.pk, []), swapped_in, strange))
    return readings


def _registered() -> set[str]:
    """A model that was registered since its host was asked is none of the others."""
    return set(ServedModel.objects.values_list("name", flat=True))


def _swapped_in() -> set[tuple[int, str]]:
    """What open swaps load: model and version."""
    loading = SwapOperation.objects.filter(queued=False).exclude(
        state__in=[*END_STATES, SwapState.OLD_VERSION_DRAINING]
    )
    return set(loading.values_list("model", "to_version"))


def _reading(
    host: ModelHost,
    placements: list[Placement],
    swapped_in: set[tuple[int, str]],
    unregistered: list[UnregisteredReading],
) -> ModelHostReading:
    return ModelHostReading(
        name=host.name,
        kind=host.kind,
        url=host.url,
        address=_address(host),
        health=host.health,
        health_reason=host.health_reason or None,
        last_seen_at=host.last_seen_at,
        boot_id=host.boot_id or None,
        has_control_token=bool(host.control_token),
        max_concurrent_loads=host.max_concurrent_loads,
        loads_running=sum(_takes_slot(row) for row in placements),
        idle_timeout_seconds=host.idle_timeout_seconds,
        measured_keep_alive_seconds=host.measured_keep_alive_seconds,
        idle_timeout_in_use_seconds=idle_timeout_of(host),
        capabilities=_capabilities(host),
        versions=[
            PlacementReading(
                model=row.model.name,
                version=row.version,
                desired=row.desired,
                status=row.observed,
                reason=row.observed_reason,
                digest=row.digest or None,
                size_bytes=row.size_bytes,
                observed_at=row.observed_at,
                drift=drift_of(
                    wanted=row.desired == Desired.LOADED,
                    seen=row.observed,
                    unload_owed=row.unload_owed,
                    swapped_in=(row.model_id, row.version) in swapped_in,
                ),
            )
            for row in sorted(
                placements, key=lambda one: (one.model.name, version_order(one.version))
            )
        ],
        unregistered=unregistered,
        etag=revision_of(contents_of(host)),
    )


def _takes_slot(row: Placement) -> bool:
    if row.load_called_at is None or row.load_called_at < timezone.now() - SLOT_HELD:
        return False
    if row.desired == Desired.LOADED:
        return row.observed == Observed.LOADING
    return row.unload_owed and row.observed in _MAY_STILL_LOAD


_MAY_STILL_LOAD = {Observed.LOADING, Observed.UNLOADING, Observed.UNKNOWN}


def _address(host: ModelHost) -> str | None:
    literal = parse_host_url(host.url).literal
    return str(literal) if literal is not None else host.pinned_address or None


def _capabilities(host: ModelHost) -> dict[str, Any] | None:
    try:
        return asdict(adapter_for(host.kind, HostAddress(host.name, host.url)).capabilities)
    except Unsupported:
        return None
