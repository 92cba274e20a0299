"""One turn of one swap: observe, decide, commit the intent, act, commit the outcome; again.

Ends when the swap is over, or has to wait longer than a moment: waiting holds no worker.
Safe to run twice at once and to be killed anywhere: the rows say where the swap is.
"""

import time
import uuid
from dataclasses import replace
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from swaps.adapters.contract import Ref
from swaps.db.statements import Statement, run
from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn, Proceed, Step, Wait, Want
from swaps.domain.loading import load_together
from swaps.domain.next_step import next_step
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.hosts import calls, leases, outcomes
from swaps.engine.hosts.leases import HostCall, LeasedCall
from swaps.engine.hosts.outcomes import CallResult
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.listener import listening
from swaps.engine.observe import ObservedSwap, Placed, observe, observed_from, select_swap
from swaps.engine.queue import lock_queue_of
from swaps.engine.work_items import WorkItem, work_on
from swaps.engine.write import steps, store
from swaps.live.wake import wake_swap

log = structlog.get_logger("swaps.engine")

# A worker waits itself for acks, proofs and quick loads, but no longer than this a turn.
MOMENT_SECONDS = 0.3
# Found again by the sweep at the latest after so long, whatever wake-up was lost.
SAFETY_NET = timedelta(seconds=5)
MAX_STEPS_AT_ONCE = 200
BLINK_SECONDS = 0.02
OTHERS_AT_WORK = timedelta(seconds=1)


def advance(swap_id: uuid.UUID, *, if_due: bool = False) -> float | None:
    """Take a swap as far as it goes now.

    `if_due`: only when its next look is due. So of two chains of timed looks one ends,
    instead of both going on for as long as the swap waits.

    Returns the seconds until it should be looked at again when that is less than the
    sweep would take, None otherwise.
    """
    with work_on(swap_id) as turn:
        if turn is None:
            return None
        model_id = _model_of(swap_id, if_due=if_due)
        if model_id is None:
            return None
        with listening(model_id, turn.woken):
            return take(turn)


def take(turn: WorkItem) -> float | None:
    """The turn itself; returns what `advance` does."""
    woken = turn.woken
    patience = MOMENT_SECONDS
    result: list[CallResult] = []  # by hosts, and not committed yet
    for _ in range(MAX_STEPS_AT_ONCE):
        woken.clear()
        again: float | None = None
        try:
            with turn.at_a_step():
                observed, step, leased = _look_and_begin(turn.swap_id, result)
                result = _call(turn, leased) if leased else []
                if leased and len(result) < len(leased):
                    patience = 0.0  # a host takes its time, and holds no worker
        except store.StaleSwap as stale:
            # Another worker, or a command, was first; it takes the swap on.
            log.debug("stale", swap=str(turn.swap_id), reason=str(stale))
            _commit(result)
            result = []
        else:
            if step is None or (isinstance(step, MoveTo) and step.state in END_STATES):
                return None
            if isinstance(step, Wait):
                moment = min(_worth_waiting(step, observed), patience)
                if moment > 0:
                    began = time.monotonic()
                    woken.wait(moment)
                    patience -= time.monotonic() - began
                    continue
                again = _rest(observed, step)
            elif leased is not None:
                if _asks_nodes(step):
                    # To look before they answer only takes the cores from those who answer.
                    woken.wait(BLINK_SECONDS)
                continue
            elif patience > 0:  # another worker is at the host for us: give it a moment
                woken.wait(BLINK_SECONDS)
                patience -= BLINK_SECONDS
                continue
            else:
                again = _rest(observed, _until_answered(observed, step))
        if turn.over():
            return again
    _commit(result)
    return 0.0


def _look_and_begin(
    swap_id: uuid.UUID, result: list[CallResult]
) -> tuple[ObservedSwap, Step | None, list[LeasedCall] | None]:
    """What hosts said, the look at all rows, and what is decided then, in one transaction.

    Without a step for a swap that is over. Raises StaleSwap, and then nothing was committed.
    """
    if not result:
        observed = observe(swap_id)
        step = _decide(observed)
        return (
            observed,
            step,
            [] if step is None or isinstance(step, Wait) else _begin(observed, step),
        )
    with transaction.atomic():
        *_, found = run(*_locks(swap_id), *_statements(result), select_swap(swap_id))
        observed = observed_from(swap_id, found.rows)
        step = _decide(observed)
        leased = _begin(observed, step) if isinstance(step, MoveTo | Proceed | PassReturn) else []
    outcomes.wake_next_loads(result)
    if isinstance(step, CallHosts):
        leased = _begin(observed, step)
    return observed, step, leased


def _call(turn: WorkItem, leased: list[LeasedCall]) -> list[CallResult]:
    """What hosts said within a moment; the swap is woken by what comes later."""

    def come_back() -> None:
        turn.woken.set()
        wake_swap(turn.swap_id)

    return [result for _, result in calls.call(leased, late=come_back)]


def _until_answered(observed: ObservedSwap, step: Step) -> Wait:
    """Of a host that is only asked for its status the last word says more than that it is asked."""
    only_a_look = isinstance(step, CallHosts) and step.call is Call.LOOK
    words = (only_a_look and observed.swap.waiting_for) or step.reason
    return Wait(words, observed.snapshot.now + OTHERS_AT_WORK)


def _decide(observed: ObservedSwap) -> Step | None:
    snapshot = observed.snapshot
    return None if snapshot.state in END_STATES else next_step(snapshot)


def _locks(swap_id: uuid.UUID) -> list[Statement]:
    """The line's and the swap's, in the order of whoever ends a swap, before any placement's."""
    return [
        lock_queue_of(swap_id),
        Statement(
            "SELECT 1 FROM swaps_swapoperation WHERE id = %(swap)s FOR NO KEY UPDATE",
            {"swap": swap_id},
        ),
    ]


def _statements(result: list[CallResult]) -> list[Statement]:
    return [statement for one in result for statement in one.statements]


def _commit(result: list[CallResult]) -> None:
    for one in result:
        outcomes.commit(one)


def _asks_nodes(step: Step) -> bool:
    """Whether the nodes answer this step within milliseconds, by an ack or a proof."""
    if isinstance(step, MoveTo) and step.state is SwapState.OLD_VERSION_DRAINING:
        return True
    return isinstance(step, MoveTo | Proceed) and step.route is not None


_MODEL_OF = "SELECT model_id FROM swaps_swapoperation WHERE id = %(swap)s"
_IF_DUE = " AND (next_check_at IS NULL OR next_check_at <= statement_timestamp())"


def _model_of(swap_id: uuid.UUID, *, if_due: bool) -> int | None:
    (found,) = run(Statement(_MODEL_OF + (_IF_DUE if if_due else ""), {"swap": swap_id}))
    return next((model_id for (model_id,) in found.rows), None)


def _worth_waiting(step: Wait, observed: ObservedSwap) -> float:
    """Seconds; 0 for what takes longer than a moment."""
    if step.moment:
        return MOMENT_SECONDS
    if step.until is None:
        return 0.0
    left = (step.until - observed.snapshot.now).total_seconds()
    return left if left <= MOMENT_SECONDS else 0.0


def _rest(observed: ObservedSwap, step: Wait) -> float | None:
    now = observed.snapshot.now
    until = min(step.until, now + SAFETY_NET) if step.until else now + SAFETY_NET
    pause = max((until - now).total_seconds(), 0.05)
    try:
        store.wait(observed.swap, step, next_check=Now() + timedelta(seconds=pause))
    except store.StaleSwap:
        return None
    return pause if pause < 1 else None


def _do(observed: ObservedSwap, step: Step) -> bool:
    """A step alone, to its end. Returns whether anything came of it. Raises StaleSwap."""
    leased = _begin(observed, step)
    if leased is None:
        return False
    _commit([result for _, result in calls.call(leased)])
    return True


def _begin(observed: ObservedSwap, step: Step) -> list[LeasedCall] | None:
    """Commit the step's intent; returns the calls that follow, whose leases came with it.

    Whoever finds an intent without its act, after a crash between the two, is told by the
    decision to look and to act. None: nothing was done. Raises StaleSwap.
    """
    match step:
        case MoveTo(want=Want(version, hosts, loaded=True)):
            target = [v for v in observed.snapshot.target if v.host in hosts]
            together = [v.host for v in load_together(observed.snapshot, target, target)]
            loads = [
                one
                for one in _host_calls(observed, Call.LOAD, version, tuple(together), fences=1)
                # Looked at first, and loaded only if it is not ready then.
                if not (one.placed.undecided or one.placed.adoptable)
            ]
            return steps.move(observed, step, *loads)
        case MoveTo():
            return steps.move(observed, step)
        case Proceed():
            steps.proceed(observed, step)
            return []
        case PassReturn(version, hosts):
            unloads = _host_calls(observed, Call.UNLOAD, version, hosts, fences=1)
            return steps.pass_return(observed, step, *unloads)
        case CallHosts(call, version, hosts):
            wanted = _host_calls(observed, call, version, hosts)
            return leases.begin(*calls.not_under_way(wanted)) or None
        case Wait():
            raise AssertionError("a wait is nothing to do")


def _host_calls(
    observed: ObservedSwap, call: Call, version: str, hosts: tuple[str, ...], *, fences: int = 0
) -> list[HostCall]:
    """`fences`: how many intents from now, since each has a fence of its own."""
    swap = observed.swap
    ref, warm = Ref(swap.model.name, version), WarmUp(swap.sample_request, swap.warmup_requests)
    # The new version as it was when the swap was asked for; the old one as it served before.
    frozen = swap.digests if version == swap.to_version else {}

    def fence(placed: Placed) -> int:
        if call is Call.LOAD and fences and not placed.fence:
            return observed.first_fence
        return placed.fence + fences

    return [
        HostCall(
            call,
            replace(placed, fence=fence(placed)),
            ref,
            warm,
            frozen.get(host, ""),
        )
        for host in hosts
        if (placed := observed.placements.get((version, host))) is not None
    ]
