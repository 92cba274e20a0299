"""What the engine does to hosts: take a lease, call outside any transaction, commit what was
seen. The decision to call comes with an intent that is committed already.

Whoever calls waits a moment for the answer and no longer: one that comes later commits itself, in
a thread of its own, and tells whoever wants to know. So a host that hangs, or a model that is slow
to warm up, holds no worker; and each host has no more than its share of the threads, so it keeps
none from the others either.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, wait
from functools import partial
from typing import Any

from swaps.adapters.contract import Ref
from swaps.adapters.errors import Conflict
from swaps.domain.decisions import Call
from swaps.engine.hosts.lanes import Lanes, Writers
from swaps.engine.hosts.leases import HostCall, LeasedCall, begin
from swaps.engine.hosts.outcomes import CallResult, commit, result_of
from swaps.engine.hosts.warm_up import WarmUp, warm_up
from swaps.engine.observe import Placed
from swaps.models import Placement
from swaps.models.hosts import Observed

# Nearly all answers, and warm-ups of quick models, are there by then.
MOMENT_SECONDS = 0.3

# Status, load and unload: each is bounded by seconds.
_calls = Lanes(threads=64, a_host=8, name="host-call")
# An inference may take a minute, and must not keep a short call waiting for a thread.
_warm_ups = Lanes(threads=64, a_host=4, name="warm-up")
# They alone write what came late, so that late answers open no more connections than these.
_late = Writers(2, "late-answer")

_lock = threading.Lock()
# What is asked and not written yet, by placement: nobody asks it twice at once.
_under_way: set[tuple[int, Call]] = set()


def host_call_about(call: Call, placement: Placement, **details: Any) -> HostCall:
    ref = Ref(placement.model.name, placement.version)
    return HostCall(call, Placed(placement.pk, placement.fence), ref, **details)


def look(placement: Placement) -> HostCall:
    return host_call_about(Call.LOOK, placement)


def load(placement: Placement, *, digest: str) -> HostCall:
    return host_call_about(Call.LOAD, placement, digest=digest)


def answer(placement: Placement, warm: WarmUp) -> HostCall:
    return host_call_about(Call.ANSWER, placement, warm=warm)


def unload(placement: Placement) -> HostCall:
    loaded = placement.observed == Observed.READY
    return host_call_about(Call.UNLOAD, placement, loaded=loaded)


def not_under_way(host_calls: Sequence[HostCall]) -> list[HostCall]:
    """Those that this process does not await the answer of already, or is still to write it of."""
    with _lock:
        return [one for one in host_calls if (one.placed.pk, one.call) not in _under_way]


def perform(*host_calls: HostCall) -> list[bool]:
    """Begin, call, commit. For each, whether anything came of it within a moment: False also when
    the intent is another by now, or somebody is at it.
    """
    leased = begin(*not_under_way(host_calls))
    told = {one.host_call.lease: result for one, result in call(leased)}
    return [one.lease in told and commit(told[one.lease]) for one in host_calls]


def call(
    calls: Sequence[LeasedCall],
    *,
    moment: float = MOMENT_SECONDS,
    late: Callable[[], None] | None = None,
) -> list[tuple[LeasedCall, CallResult]]:
    """Their hosts are asked side by side. Returns what is left to commit of the answers that came
    within `moment` (seconds); after each of the others was committed, `late` is called.
    """
    asked = {_submit(one): one for one in calls}
    done, waiting = wait(asked, timeout=moment)
    for one in done:
        _answered(asked[one])  # its lease, seconds long, keeps others away until it is written
    for one in waiting:
        one.add_done_callback(partial(_hand_over, asked[one], late))
    return [(asked[one], result_of(asked[one], one)) for one in done]


def _submit(leased: LeasedCall) -> Future[Any]:
    lanes = _warm_ups if leased.host_call.call is Call.ANSWER else _calls
    with _lock:
        _under_way.add(_about(leased))
    return lanes.submit(leased.host.pk, partial(_ask, leased))


def _about(leased: LeasedCall) -> tuple[int, Call]:
    return leased.host_call.placed.pk, leased.host_call.call


def _answered(leased: LeasedCall) -> None:
    with _lock:
        _under_way.discard(_about(leased))


def _hand_over(leased: LeasedCall, late: Callable[[], None] | None, asked: Future[Any]) -> None:
    def write() -> None:
        try:
            commit(result_of(leased, asked))
        finally:
            # Not before: its lease is over by now, and whoever looks at the rows would find that
            # nobody has asked yet. An inference would run twice.
            _answered(leased)
        if late is not None:
            late()

    # Should it be lost, the next look finds what this one would have told.
    _late.submit(write)


def _ask(leased: LeasedCall) -> Any:
    host_call, adapter = leased.host_call, leased.adapter
    if host_call.call is not Call.LOOK and time.monotonic() > leased.until:
        # Stopped since: others may have gone on without us.
        raise Conflict(f"{host_call.call} of {host_call.ref} was held up, and is not made any more")
    match host_call.call:
        case Call.LOOK:
            return adapter.status(host_call.ref)
        case Call.LOAD:
            return adapter.begin_load(
                host_call.ref,
                fence=host_call.placed.fence,
                expected_digest=host_call.digest or leased.digest or None,
            )
        case Call.ANSWER:
            assert host_call.warm is not None, "an answer needs to know what to ask"
            return warm_up(adapter, host_call.ref, host_call.warm)
        case Call.UNLOAD:
            give_up = adapter.begin_unload if host_call.loaded else adapter.cleanup
            return give_up(host_call.ref, fence=host_call.placed.fence)


def stop_calling() -> None:
    """Await every answer, and what is written of it."""
    for calls in (_calls, _warm_ups):
        calls.stop()
    _late.stop()
