"""The periodic look at every host: what vanished is loaded again, what was given up is
unloaded, and what nobody asked for is left alone (it shows as drift).
"""

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from swaps.adapters.errors import AdapterError
from swaps.domain.snapshot import UNLOADED_STATUSES
from swaps.domain.states import END_STATES
from swaps.engine import effects, intents
from swaps.engine.hosts import adapter_of
from swaps.engine.warm_up import WarmUp
from swaps.models import ModelHost, Placement, SwapOperation
from swaps.models.hosts import Desired, HostHealth, Observed

log = structlog.get_logger("swaps.engine")


def reconcile() -> None:
    for host in ModelHost.objects.all():
        if check_host(host):
            _make_match(host)
    _finish_cleanups()


def check_host(host: ModelHost) -> bool:
    """Ask the host who it is; its health goes into its row. Returns whether it answered."""
    try:
        info = adapter_of(host).probe()
    except AdapterError as error:
        ModelHost.objects.filter(pk=host.pk).update(
            health=HostHealth.UNREACHABLE, health_reason=str(error)[:2000]
        )
        return False
    ModelHost.objects.filter(pk=host.pk).update(
        health=HostHealth.HEALTHY, health_reason="", boot_id=info.boot_id or "", last_seen_at=Now()
    )
    return True


def _make_match(host: ModelHost) -> None:
    # What an open swap loads or unloads is that swap's business.
    busy = Q()
    for model, version in SwapOperation.objects.exclude(state__in=END_STATES).values_list(
        "model", "to_version"
    ):
        busy |= Q(model=model, version=version)
    rows = Placement.objects.select_related("host", "model").filter(host=host)
    for placement in rows.exclude(busy) if busy else rows:
        if placement.desired == Desired.ABSENT and placement.observed in UNLOADED_STATUSES:
            continue
        effects.look(placement)
        placement.refresh_from_db()
        if placement.desired == Desired.ABSENT:
            if placement.observed not in UNLOADED_STATUSES | {Observed.UNKNOWN}:
                log.info("cleanup", placement=str(placement), observed=placement.observed)
                effects.unload(placement)
        elif placement.observed == Observed.AVAILABLE:
            log.warning("vanished", placement=str(placement), host=host.name)
            effects.load(placement, digest=placement.digest)
        elif (
            placement.observed == Observed.READY and placement.answered_boot_id != placement.boot_id
        ):
            effects.answer(placement, WarmUp(placement.model.sample_request, 1))


def _finish_cleanups() -> None:
    for swap in SwapOperation.objects.filter(cleanup_pending=True, state__in=END_STATES):
        if not intents.cleanup_pending(swap):
            SwapOperation.objects.filter(pk=swap.pk).update(cleanup_pending=False)
            log.info("cleaned up", swap=str(swap.pk))
