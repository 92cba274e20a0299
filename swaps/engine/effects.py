"""What the engine does to hosts: call outside any transaction, then commit what was seen.

An intent is committed before (swaps.engine.intents); here it is checked again under a
lease on the placement, so a worker that was stopped and wakes late finds that its intent
or its lease is gone. For the instant between that check and the call, hosts that can do it
compare the placement's fence.
"""

import uuid
from collections.abc import Callable, Generator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F, Q
from django.db.models.functions import Now

from swaps.adapters.contract import Observation, Ref, VersionStatus
from swaps.adapters.errors import AdapterError, Conflict, HostUnreachable, OutcomeUnknown
from swaps.domain.snapshot import UNLOADED_STATUSES
from swaps.domain.states import SwapState
from swaps.domain.steps import Call
from swaps.engine.hosts import adapter_of
from swaps.engine.observe import loads_under_way
from swaps.engine.warm_up import Warmth, WarmUp, warm_up
from swaps.live.wake import wake_swap
from swaps.models import ModelHost, Placement, SwapOperation
from swaps.models.hosts import Desired, Observed

log = structlog.get_logger("swaps.engine")

# Longer than such a call takes, so that a lease outlives its call; short, so that a worker
# killed in one holds up nobody for long.
CALL_LEASE = timedelta(seconds=5)
WARM_UP_LEASE = timedelta(seconds=15)


# Begun, it takes its lease and yields the call to make, which touches no database; told the
# answer, it writes what was seen. It returns False when there was nothing to do: the intent is
# another by now, or somebody is at it.
Effect = Generator[Callable[[], Any], Any, bool]

# Calls are short or bounded; one that hangs must not keep the others waiting for a thread.
_MOST_CALLS = 64
_callers = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="host-call")


def run(*effects: Effect) -> list[bool]:
    """Their hosts are asked side by side; the rows are read and written in this thread.

    Each is told its answer when it comes, so a slow host holds up no other's outcome.
    """
    results: dict[Effect, bool] = {}
    asked: dict[Future[Any], Effect] = {}

    def go_on(effect: Effect, resume: Callable[[], Callable[[], Any]]) -> None:
        try:
            asked[_callers.submit(resume())] = effect
        except StopIteration as end:
            results[effect] = end.value

    for effect in effects:
        go_on(effect, partial(next, effect))
    while asked:
        done, _ = wait(asked, return_when=FIRST_COMPLETED)
        for answer in done:
            effect = asked.pop(answer)
            error = answer.exception()
            if error is not None:
                go_on(effect, partial(effect.throw, error))
            else:
                go_on(effect, partial(effect.send, answer.result()))
    return [results[effect] for effect in effects]


def effect_of(call: Call, placement: Placement, *, warm: WarmUp, digest: str = "") -> Effect:
    """One call to one host. What it says, errors too, ends up in the placement's row."""
    match call:
        case Call.LOOK:
            return look(placement)
        case Call.LOAD:
            return load(placement, digest=digest)
        case Call.ANSWER:
            return answer(placement, warm)
        case Call.UNLOAD:
            return unload(placement)


def _ref(placement: Placement) -> Ref:
    return Ref(placement.model.name, placement.version)


def look(placement: Placement) -> Effect:
    """Ask for the status. A late answer never overwrites a newer one."""
    try:
        seen = yield partial(adapter_of(placement.host).status, _ref(placement))
    except AdapterError as error:
        seen = Observation(VersionStatus.UNKNOWN, reason=str(error))
    rows = Placement.objects.filter(pk=placement.pk, fence=placement.fence).filter(
        Q(observed_at=placement.observed_at)
        if placement.observed_at
        else Q(observed_at__isnull=True)
    )
    if rows.update(**_seen(seen)) != 1:
        return False
    if placement.observed == Observed.LOADING and seen.status is not VersionStatus.LOADING:
        wake_next_load(placement)
    return True


def load(placement: Placement, *, digest: str) -> Effect:
    with transaction.atomic():
        # The host's row is the lock for its load slots, across all swaps.
        host = ModelHost.objects.select_for_update().get(pk=placement.host_id)
        under_way = Placement.objects.filter(loads_under_way(), host=host).exclude(pk=placement.pk)
        if under_way.count() >= host.max_concurrent_loads:
            return False
        lease = _take_lease(
            placement,
            Desired.LOADED,
            CALL_LEASE,
            observed=Observed.LOADING,
            observed_at=Now(),
            load_called_at=Now(),
        )
    if lease is None:
        return False
    try:
        seen = yield partial(
            adapter_of(placement.host).begin_load,
            _ref(placement),
            fence=placement.fence,
            expected_digest=digest or None,
        )
    except AdapterError as error:
        seen = _failure(error)
    _give_lease_back(placement, lease, **_seen(seen))
    return True


def wake_next_load(placement: Placement) -> None:
    """A load slot of this host is free: wake the swap that has waited longest for one."""
    waiting = (
        SwapOperation.objects.filter(
            state=SwapState.LOADING_NEW_VERSION,
            model__placements__host=placement.host_id,
            model__placements__version=F("to_version"),
            model__placements__desired=Desired.LOADED,
            model__placements__load_called_at=None,
        )
        .order_by("state_entered_at")
        .values_list("pk", flat=True)
    )
    for swap_id in waiting[:1]:
        wake_swap(swap_id)


def answer(placement: Placement, warm: WarmUp) -> Effect:
    """A real inference from this very version, then the warm-up."""
    lease = _take_lease(placement, Desired.LOADED, WARM_UP_LEASE)
    if lease is None:
        return False
    try:
        tried: Warmth = yield partial(warm_up, adapter_of(placement.host), _ref(placement), warm)
    except AdapterError as error:
        changes = _seen(_failure(error))
    else:
        changes = _seen(tried.seen)
        if tried.latency_ms is None:  # it was not ready, so nothing was asked of it
            _give_lease_back(placement, lease, **changes)
            return True
        if tried.answered:
            changes |= {
                "answered_boot_id": tried.seen.boot_id or "",
                "answered_at": Now(),
                "warmup_ms": tried.latency_ms,
            }
    if not _give_lease_back(placement, lease, **changes):
        # An answer counts whoever holds the lease by now: on a busy machine a slow model may
        # take longer than any lease, and would never be found ready.
        Placement.objects.filter(pk=placement.pk, fence=placement.fence).update(**changes)
    return True


def unload(placement: Placement) -> Effect:
    lease = _take_lease(
        placement, Desired.ABSENT, CALL_LEASE, observed=Observed.UNLOADING, observed_at=Now()
    )
    if lease is None:
        return False
    try:
        seen = yield partial(
            adapter_of(placement.host).begin_unload, _ref(placement), fence=placement.fence
        )
    except AdapterError as error:
        # Not known to be unloaded: the cleanup looks again, and again.
        seen = Observation(VersionStatus.UNKNOWN, reason=str(error))
        log.warning("unload", placement=str(placement), error=str(error))
    _give_lease_back(placement, lease, answered_boot_id="", **_seen(seen))
    return True


def _failure(error: AdapterError) -> Observation:
    """What an error of a load or of the first inference says about the version."""
    if isinstance(error, Conflict | OutcomeUnknown | HostUnreachable) or not error.permanent:
        return Observation(VersionStatus.UNKNOWN, reason=str(error))
    return Observation(VersionStatus.FAILED, reason=str(error))


def _seen(seen: Observation) -> dict[str, Any]:
    changes: dict[str, Any] = {
        "observed": seen.status.value,
        "observed_reason": seen.reason[:2000],
        "observed_at": Now(),
    }
    if seen.status in UNLOADED_STATUSES:
        changes["unload_owed"] = False
    if seen.boot_id is not None:
        changes["boot_id"] = seen.boot_id
    if seen.digest is not None and seen.status is VersionStatus.READY:
        # Of what is loaded, not of what lies on disk: a file replaced since then must not be
        # loaded under this version after a restart.
        changes["digest"] = seen.digest
    if seen.size_bytes is not None:
        changes["size_bytes"] = seen.size_bytes
    return changes


def _take_lease(
    placement: Placement, desired: Desired, length: timedelta, **changes: Any
) -> uuid.UUID | None:
    """None when the intent changed, or somebody is at it."""
    lease = uuid.uuid4()
    taken = (
        Placement.objects.filter(pk=placement.pk, fence=placement.fence, desired=desired)
        .filter(Q(lease_until=None) | Q(lease_until__lt=Now()))
        .update(lease_token=lease, lease_until=Now() + length, **changes)
    )
    return lease if taken else None


def _give_lease_back(placement: Placement, lease: uuid.UUID, **changes: Any) -> bool:
    """With what was seen. Returns whether it still was ours, and about the present intent."""
    held = Placement.objects.filter(pk=placement.pk, lease_token=lease)
    free = {"lease_token": None, "lease_until": None}
    # With the fence: what an outdated intent saw is no news about the present one.
    if held.filter(fence=placement.fence).update(**changes, **free):
        return True
    held.update(**free)
    return False
