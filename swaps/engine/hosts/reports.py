"""What hosts say of themselves, as rows: who they are, whether they answer, and what they have.

Asking takes as long as a host likes, up to its limits, and touches no row; writing asks nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from django.db import IntegrityError
from django.db.models import Case, F, When
from django.db.models.functions import Now

from swaps.adapters.contract import HostInfo, Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError
from swaps.domain.names import name_problem
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.addresses import ForbiddenAddress, NotResolved, pin
from swaps.engine.hosts.questions import answered, whom
from swaps.models import ModelHost, Placement, ServedModel
from swaps.models.hosts import Desired, HostHealth, Observed

log = structlog.get_logger("swaps.engine")

# Of the versions of names that nobody registered so many are kept, by name: people adopt from
# them, and a host may list anything.
MOST_UNREGISTERED = 200

Listed = list[tuple[Ref, Observation]]


@dataclass(frozen=True, slots=True)
class Report:
    """A host's answers. `listed`: None where it does not tell what it has."""

    info: HostInfo | Exception  # why there was no answer
    listed: Listed | None = None


def ask_host(host: ModelHost) -> Report:
    """Raises what is no error of the host's."""
    try:
        info = adapter_of(host).probe()
    except AdapterError as error:
        return Report(error)
    return Report(info, _listed(host))


def check_host(host: ModelHost) -> bool:
    """Ask the host who it is; its health goes into its row. Returns whether it answered."""
    try:
        moved = pin(host)
    except (NotResolved, ForbiddenAddress) as error:
        write_health(host, error)
        return False
    try:
        info = answered(("probe", whom(host)), lambda: adapter_of(host).probe())
    except AdapterError as error:
        write_health(host, error, moved)
        return False
    return write_health(host, info, moved)


def write_health(host: ModelHost, info: HostInfo | Exception, moved: str = "") -> bool:
    """`moved`: a sentence about its address. Returns whether it answered and is that host yet."""
    # Its row may have got another address meanwhile, and the answer is not about that one.
    asked = ModelHost.objects.filter(pk=host.pk, kind=host.kind, url=host.url)
    if isinstance(info, Exception):
        reason = f"{info}; {moved}" if moved else str(info)
        asked.update(health=HostHealth.UNREACHABLE, health_reason=reason)
        return False
    return bool(
        asked.update(
            health=HostHealth.HEALTHY,
            health_reason=moved,
            boot_id=info.boot_id or "",
            last_seen_at=Now(),
            # Started anew, it may keep idle connections for another time.
            keep_alive_due_at=Case(
                When(boot_id=info.boot_id or "", then=F("keep_alive_due_at")), default=Now()
            ),
        )
    )


def learn_versions(host: ModelHost) -> None:
    """Ask the host what it has of our models, loaded or not, and write it down."""
    listed = answered(("list", whom(host)), lambda: _listed(host))
    if listed is not None:
        write_listed(host, listed)


def forget_lost_loads(host: ModelHost) -> None:
    """Somebody saw to the host: what it went down with may be tried again."""
    Placement.objects.filter(host=host, lost_loads__gt=0).update(lost_loads=0)


def _listed(host: ModelHost) -> Listed | None:
    try:
        return adapter_of(host).list()
    except AdapterError as error:
        log.warning("host not listed", host=host.name, error=str(error))
        return None


def write_listed(host: ModelHost, listed: Listed) -> bool:
    """What the host has of our models becomes rows: people choose from them.

    Only what nobody wants is written here; it shows what is there, and drift. Returns False where
    the host, or one of the models, was deleted while it was asked.
    """
    models = {model.name: model for model in ServedModel.objects.all()}
    _keep_unregistered(host, [(ref, seen) for ref, seen in listed if ref.model not in models])
    rows = [
        Placement(
            host=host,
            model=models[ref.model],
            version=ref.version,
            observed=seen.status.value,
            observed_reason=seen.reason,
            observed_at=Now(),
            boot_id=seen.boot_id or "",
            digest=seen.digest or "",
            size_bytes=seen.size_bytes,
        )
        for ref, seen in listed
        if ref.model in models and name_problem(ref.version, of="version") is None
    ]
    known = {
        (row.model_id, row.version): row
        for row in Placement.objects.filter(host=host).select_related("model")
    }
    try:
        Placement.objects.bulk_create(
            [row for row in rows if (row.model_id, row.version) not in known],
            ignore_conflicts=True,
        )
    except IntegrityError as error:
        # The host, or one of the models, was deleted while the host was asked.
        log.info("versions not learnt", host=host.name, reason=str(error).strip())
        return False
    there = {(row.model_id, row.version): row for row in rows}
    for key, row in known.items():
        if row.desired == Desired.ABSENT and not row.unload_owed:
            _update_unwanted(row, there.get(key))
    return True


def _keep_unregistered(host: ModelHost, listed: Sequence[tuple[Ref, Observation]]) -> None:
    """Those that could be registered; written when they changed."""
    found = [
        {
            "model": ref.model,
            "version": ref.version,
            "status": seen.status.value,
            "digest": seen.digest or None,
            "size_bytes": seen.size_bytes,
        }
        for ref, seen in sorted(listed, key=lambda one: one[0])
        if seen.status is not VersionStatus.ABSENT
        and name_problem(ref.model, of="model") is None
        and name_problem(ref.version, of="version") is None
    ][:MOST_UNREGISTERED]
    if found != host.unregistered:
        ModelHost.objects.filter(pk=host.pk, url=host.url).update(unregistered=found)


def _update_unwanted(row: Placement, seen: Placement | None) -> None:
    observed = seen.observed if seen else Observed.ABSENT
    digest = seen.digest if seen else ""
    if (row.observed, row.digest) == (observed, digest):
        return
    Placement.objects.filter(pk=row.pk, fence=row.fence, desired=Desired.ABSENT).update(
        observed=observed,
        digest=digest,
        size_bytes=seen.size_bytes if seen else None,
        observed_reason=seen.observed_reason if seen else "",
        observed_at=Now(),
    )
