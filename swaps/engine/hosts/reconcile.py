"""What a host should have, made so: what vanished is loaded again, what was given up is unloaded,
and what nobody asked for is left alone (it shows as drift).

What serves comes first: of what a host lost with a restart, first the versions that hold weight,
the most called first, each as soon as the host may load one more. See
`swaps.engine.hosts.rounds` for when this is done.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog
from django.db.models import Q

from swaps.adapters.contract import Observation, Ref, VersionStatus
from swaps.db.statements import run
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.hosts import calls
from swaps.engine.hosts.outcomes import commit, listed_as
from swaps.engine.hosts.reports import Report, write_health, write_listed
from swaps.engine.hosts.serving import calls_of
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.write import placements
from swaps.models import ModelHost, Placement, SwapOperation
from swaps.models.hosts import Desired, Observed

log = structlog.get_logger("swaps.engine")


def reconcile_host(host: ModelHost, report: Report, *, moved: str = "", asked_at: datetime) -> bool:
    """Act on what a host just said. `asked_at`: the database's clock before it was asked.

    Returns whether to look again soon: it loads something, or could not load all yet.
    """
    if not write_health(host, report.info, moved):
        return False
    listed = report.listed
    if listed is not None and not write_listed(host, listed):
        return False
    return _make_match(host, dict(listed or ()), asked_at)


def _make_match(host: ModelHost, listed: Mapping[Ref, Observation], asked_at: datetime) -> bool:
    wanted_otherwise = [
        placement
        for placement in Placement.objects.select_related("host", "model").filter(
            Q(desired=Desired.LOADED) | Q(unload_owed=True), host=host
        )
        if not _as_wanted(placement, listed.get(Ref(placement.model.name, placement.version)))
    ]
    if not wanted_otherwise:
        return False
    known = _look(wanted_otherwise, listed, asked_at)
    _clean_up([row for row in known if row.desired == Desired.ABSENT and row.unload_owed])
    own = _loaded_by_swaps()
    ours = [
        row
        for row in known
        if row.desired == Desired.LOADED and (row.model_id, row.version) not in own
    ]
    unproven = [
        row
        for row in ours
        if row.observed == Observed.READY and row.answered_boot_id != row.boot_id
    ]
    calls.perform(*(calls.answer(row, WarmUp(row.model.sample_request, 1)) for row in unproven))
    lost = [row for row in ours if row.observed == Observed.AVAILABLE]
    for row in _what_serves_first(lost):
        if not any(calls.perform(calls.load(row, digest=row.digest))):
            break  # the host loads as many as it may
        log.warning("vanished", placement=str(row), host=host.name)
    return bool(lost) or any(row.observed == Observed.LOADING for row in ours)


def _clean_up(given_up: Sequence[Placement]) -> None:
    there = [row for row in given_up if row.observed != Observed.UNKNOWN]
    for row in there:
        log.info("cleanup", placement=str(row), observed=row.observed)
    calls.perform(*map(calls.unload, there))


def _look(
    looked_after: Sequence[Placement], listed: Mapping[Ref, Observation], asked_at: datetime
) -> list[Placement]:
    """Those of which it is known by now how they are, as their rows say it.

    The host's list says it of most. One that it does not name, or whose row was written since the
    host was asked, is asked for by itself.
    """
    left = []
    for placement in looked_after:
        seen = listed.get(Ref(placement.model.name, placement.version))
        if seen is None or placement.observed_at is None or placement.observed_at >= asked_at:
            left.append(placement)
        else:
            commit(listed_as(calls.look(placement), placement, seen))
    calls.perform(*map(calls.look, left))
    fresh = Placement.objects.select_related("host", "model", "model__route").filter(
        pk__in=[placement.pk for placement in looked_after], observed_at__gte=asked_at
    )
    return list(fresh)


def _loaded_by_swaps() -> set[tuple[int, str]]:
    """By model and version: what an open swap loads, or is about to give up, is loaded by that
    swap alone. Once all traffic is on it, it is loaded again like any version that serves.
    """
    return set(
        SwapOperation.objects.filter(queued=False)
        .exclude(state__in=[*END_STATES, SwapState.OLD_VERSION_DRAINING])
        .values_list("model", "to_version")
    )


def _what_serves_first(lost: Sequence[Placement]) -> list[Placement]:
    """Those that hold weight before those that are kept warm, the most called first."""
    if len(lost) < 2:
        return list(lost)
    called = calls_of({(placement.model_id, placement.version) for placement in lost})

    def urgency(placement: Placement) -> tuple[int, int]:
        version = placement.version
        weight = placement.model.route.weights.get(version, 0)
        return (weight > 0, called.get((placement.model_id, version), 0) * weight)

    return sorted(lost, key=urgency, reverse=True)


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


def finish_cleanups() -> None:
    for swap in SwapOperation.objects.filter(cleanup_pending=True, state__in=END_STATES):
        (still,) = run(placements.owed(swap))
        if not still.touched:
            SwapOperation.objects.filter(pk=swap.pk).update(cleanup_pending=False)
            log.info("cleaned up", swap=str(swap.pk))
