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
from swaps.domain.steps import Call
from swaps.engine.hosts.lanes import Lanes, Writers
from swaps.engine.hosts.leases import Begun, Effect, begin
from swaps.engine.hosts.outcomes import Said, commit, said_by
from swaps.engine.hosts.warm_up import WarmUp, warm_up
from swaps.engine.observe import Placed
from swaps.models import Placement

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


def effect_of(call: Call, placement: Placement, **details: Any) -> Effect:
    ref = Ref(placement.model.name, placement.version)
    return Effect(call, Placed(placement.pk, placement.fence), ref, **details)


def look(placement: Placement) -> Effect:
    return effect_of(Call.LOOK, placement)


def load(placement: Placement, *, digest: str) -> Effect:
    return effect_of(Call.LOAD, placement, digest=digest)


def answer(placement: Placement, warm: WarmUp) -> Effect:
    return effect_of(Call.ANSWER, placement, warm=warm)


def unload(placement: Placement) -> Effect:
    return effect_of(Call.UNLOAD, placement)


def not_under_way(effects: Sequence[Effect]) -> list[Effect]:
    """Those that this process does not await the answer of already, or is still to write it of."""
    with _lock:
        return [one for one in effects if (one.placed.pk, one.call) not in _under_way]


def perform(*effects: Effect) -> list[bool]:
    """Begin, call, commit. For each, whether anything came of it within a moment: False also when
    the intent is another by now, or somebody is at it.
    """
    begun = begin(*not_under_way(effects))
    told = {one.effect.lease: said for one, said in call(begun)}
    return [one.lease in told and commit(told[one.lease]) for one in effects]


def call(
    calls: Sequence[Begun],
    *,
    moment: float = MOMENT_SECONDS,
    late: Callable[[], None] | None = None,
) -> list[tuple[Begun, Said]]:
    """Their hosts are asked side by side. Returns what is left to commit of the answers that came
    within `moment` (seconds); after each of the others was committed, `late` is called.
    """
    asked = {_submit(one): one for one in calls}
    done, waiting = wait(asked, timeout=moment)
    for one in done:
        _answered(asked[one])  # its lease, seconds long, keeps others away until it is written
    for one in waiting:
        one.add_done_callback(partial(_hand_over, asked[one], late))
    return [(asked[one], said_by(asked[one], one)) for one in done]


def _submit(begun: Begun) -> Future[Any]:
    lanes = _warm_ups if begun.effect.call is Call.ANSWER else _calls
    with _lock:
        _under_way.add(_about(begun))
    return lanes.submit(begun.host.pk, partial(_ask, begun))


def _about(begun: Begun) -> tuple[int, Call]:
    return begun.effect.placed.pk, begun.effect.call


def _answered(begun: Begun) -> None:
    with _lock:
        _under_way.discard(_about(begun))


def _hand_over(begun: Begun, late: Callable[[], None] | None, asked: Future[Any]) -> None:
    def write() -> None:
        try:
            commit(said_by(begun, asked))
        finally:
            # Not before: its lease is over by now, and whoever looks at the rows would find that
            # nobody has asked yet. An inference would run twice.
            _answered(begun)
        if late is not None:
            late()

    # Should it be lost, the next look finds what this one would have told.
    _late.submit(write)


def _ask(begun: Begun) -> Any:
    effect, adapter = begun.effect, begun.adapter
    if effect.call is not Call.LOOK and time.monotonic() > begun.until:
        # Stopped since: others may have gone on without us.
        raise Conflict(f"{effect.call} of {effect.ref} was held up, and is not made any more")
    match effect.call:
        case Call.LOOK:
            return adapter.status(effect.ref)
        case Call.LOAD:
            return adapter.begin_load(
                effect.ref,
                fence=effect.placed.fence,
                expected_digest=effect.digest or begun.digest or None,
            )
        case Call.ANSWER:
            assert effect.warm is not None, "an answer needs to know what to ask"
            return warm_up(adapter, effect.ref, effect.warm)
        case Call.UNLOAD:
            return adapter.begin_unload(effect.ref, fence=effect.placed.fence)


def stop_calling() -> None:
    """Await every answer, and what is written of it."""
    for calls in (_calls, _warm_ups):
        calls.stop()
    _late.stop()
