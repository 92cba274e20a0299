"""The periodic look at every host: what vanished is loaded again, what was given up is
unloaded, and what nobody asked for is left alone (it shows as drift).
"""

from collections.abc import Mapping, Sequence

import structlog
from django.db import IntegrityError, InterfaceError, OperationalError
from django.db.models import Q
from django.db.models.functions import Now

from swaps.adapters.contract import Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError
from swaps.domain.names import name_problem
from swaps.domain.states import END_STATES, SwapState
from swaps.engine import effects, intents
from swaps.engine.asking import answered, whom
from swaps.engine.host_addresses import NotResolved, Refused, pin
from swaps.engine.hosts import adapter_of
from swaps.engine.warm_up import WarmUp
from swaps.models import ModelHost, Placement, ServedModel, SwapOperation
from swaps.models.hosts import Desired, HostHealth, Observed
from swaps.models.statements import run

log = structlog.get_logger("swaps.engine")

# Of the versions of names that nobody registered so many are kept, by name: people adopt from
# them, and a host may list anything.
MOST_UNREGISTERED = 200

# The database is away for all hosts alike; the next round comes soon.
OUTAGE = (OperationalError, InterfaceError)


def reconcile() -> None:
    for host in ModelHost.objects.all():
        try:
            if check_host(host):
                _make_match(host, learn_versions(host))
        except OUTAGE:
            raise
        except Exception:
            # Whatever a host says, or makes of what it is asked: the others are looked after.
            log.exception("host not reconciled", host=host.name)
    _finish_cleanups()


def check_host(host: ModelHost) -> bool:
    """Ask the host who it is; its health goes into its row. Returns whether it answered."""
    # Its row may have got another address meanwhile, and the answer is not about that one.
    asked = ModelHost.objects.filter(pk=host.pk, kind=host.kind, url=host.url)
    moved = ""
    try:
        moved = pin(host)
        info = answered(("probe", whom(host)), lambda: adapter_of(host).probe())
    except (AdapterError, NotResolved, Refused) as error:
        reason = f"{error}; {moved}" if moved else str(error)
        asked.update(health=HostHealth.UNREACHABLE, health_reason=reason)
        return False
    return bool(
        asked.update(
            health=HostHealth.HEALTHY,
            health_reason=moved,
            boot_id=info.boot_id or "",
            last_seen_at=Now(),
        )
    )


def learn_versions(host: ModelHost) -> dict[Ref, Observation]:
    """What the host has of our models, loaded or not, becomes rows: people choose from them.

    Only what nobody wants is written here; it shows what is there, and drift. Returns what the
    host says of all, nothing when it does not tell.
    """
    try:
        listed = answered(("list", whom(host)), lambda: adapter_of(host).list())
    except AdapterError as error:
        log.warning("host not listed", host=host.name, error=str(error))
        return {}
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
        return {}
    there = {(row.model_id, row.version): row for row in rows}
    for key, row in known.items():
        if row.desired == Desired.ABSENT and not row.unload_owed:
            _update_unwanted(row, there.get(key))
    return dict(listed)


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


def _make_match(host: ModelHost, listed: Mapping[Ref, Observation]) -> None:
    # What an open swap loads, or is about to give up, is loaded by that swap alone. Once all
    # traffic is on it, it is loaded again like any version that serves.
    own = set(
        SwapOperation.objects.filter(queued=False)
        .exclude(state__in=[*END_STATES, SwapState.OLD_VERSION_DRAINING])
        .values_list("model", "to_version")
    )
    ours = Placement.objects.select_related("host", "model").filter(
        Q(desired=Desired.LOADED) | Q(unload_owed=True), host=host
    )
    for placement in ours:
        if _as_wanted(placement, listed.get(Ref(placement.model.name, placement.version))):
            continue
        effects.perform(effects.look(placement))
        placement.refresh_from_db()
        if placement.desired == Desired.ABSENT:
            if placement.unload_owed and placement.observed != Observed.UNKNOWN:
                log.info("cleanup", placement=str(placement), observed=placement.observed)
                effects.perform(effects.unload(placement))
        elif (placement.model_id, placement.version) in own:
            continue
        elif placement.observed == Observed.AVAILABLE:
            log.warning("vanished", placement=str(placement), host=host.name)
            effects.perform(effects.load(placement, digest=placement.digest))
        elif (
            placement.observed == Observed.READY and placement.answered_boot_id != placement.boot_id
        ):
            effects.perform(effects.answer(placement, WarmUp(placement.model.sample_request, 1)))


def _as_wanted(placement: Placement, seen: Observation | None) -> bool:
    """Loaded, ready and proven by an answer, in the boot that the host names: as it nearly
    always is, and then nothing more has to be asked or written.
    """
    return (
        seen is not None
        and seen.status is VersionStatus.READY
        and placement.desired == Desired.LOADED
        and placement.observed == Observed.READY
        and placement.answered_boot_id == placement.boot_id
        and placement.boot_id == (seen.boot_id or "")
    )


def _finish_cleanups() -> None:
    for swap in SwapOperation.objects.filter(cleanup_pending=True, state__in=END_STATES):
        (still,) = run(intents.owed(swap))
        if not still.touched:
            SwapOperation.objects.filter(pk=swap.pk).update(cleanup_pending=False)
            log.info("cleaned up", swap=str(swap.pk))
