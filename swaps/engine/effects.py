"""What the engine does to hosts: take a lease, call outside any transaction, commit what was
seen. The decision to call comes with an intent that is committed already.
"""

import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any

from swaps.adapters.contract import Ref
from swaps.adapters.errors import Conflict
from swaps.domain.steps import Call
from swaps.engine.leases import Begun, Effect, begin
from swaps.engine.observe import Placed
from swaps.engine.outcomes import Said, commit, said_by
from swaps.engine.warm_up import WarmUp, warm_up
from swaps.models import Placement

# Answers that come so soon are committed together; a slower one holds up no other's.
TOGETHER_SECONDS = 0.05

# Calls are short or bounded; one that hangs must not keep the others waiting for a thread.
_MOST_CALLS = 64
_callers = ThreadPoolExecutor(_MOST_CALLS, thread_name_prefix="host-call")


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


def perform(*effects: Effect) -> list[bool]:
    """Begin, call, commit. For each, whether anything came of it: False when the intent is
    another by now, or somebody is at it.
    """
    begun = begin(*effects)
    told = {one.effect.lease: said for one, said in call(begun)}
    return [one.lease in told and commit(told[one.lease]) for one in effects]


def call(calls: Sequence[Begun]) -> list[tuple[Begun, Said]]:
    """Their hosts are asked side by side; rows are written in this thread alone.

    Returns what is left to commit. A host that lets the others wait holds up none of their
    news: what is there by then is committed here, each answer when it comes.
    """
    asked: dict[Future[Any], Begun] = {_callers.submit(_ask, one): one for one in calls}
    done, late = wait(asked, timeout=TOGETHER_SECONDS)
    if late:
        for said in [said_by(asked[one], one) for one in done]:
            commit(said)
        while len(late) > 1:
            done, late = wait(late, return_when=FIRST_COMPLETED)
            for said in [said_by(asked[one], one) for one in done]:
                commit(said)
        done, _ = wait(late)
    return [(asked[one], said_by(asked[one], one)) for one in done]


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
