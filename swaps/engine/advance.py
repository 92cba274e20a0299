"""One worker at one swap: look, decide, write, call; again.

Ends when the swap is over, or has to wait longer than a moment: waiting holds no worker.
Safe to run twice at once and to be killed anywhere: the rows say where the swap is.
"""

import time
import uuid
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import timedelta

import structlog
from django.db import transaction
from django.db.models.functions import Now

from swaps.db.statements import Statement, run
from swaps.domain.decisions import Call, CallHosts, MoveTo, Proceed, Step, Wait
from swaps.domain.next_step import next_step
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.carry_out import Calls, lease, write
from swaps.engine.hosts import calls, outcomes
from swaps.engine.hosts.outcomes import CallResult
from swaps.engine.listener import listening
from swaps.engine.observe import ObservedSwap, observe, observed_from, select_swap
from swaps.engine.queue import lock_queue_of
from swaps.engine.work_items import WorkItem, work_on
from swaps.engine.write import store
from swaps.live.wake import wake_swap

log = structlog.get_logger("swaps.engine")

# A worker waits itself for acks, proofs and quick loads, but no longer than this.
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
    with work_on(swap_id) as work:
        if work is None:
            return None
        model_id = _model_of(swap_id, if_due=if_due)
        if model_id is None:
            return None
        with listening(model_id, work.woken):
            return take(work)


def take(work: WorkItem) -> float | None:
    """The loop itself; returns what `advance` does."""
    results: list[CallResult] = []  # of hosts, and not committed yet
    patience = Patience(work, MOMENT_SECONDS)
    for _ in range(MAX_STEPS_AT_ONCE):
        work.woken.clear()
        again: float | None = None
        try:
            with work.at_a_step():
                with transaction.atomic() if results else nullcontext():
                    observed = _look(work.swap_id, results)
                    step = _decide(observed)
                    follows = write(observed, step)
                outcomes.wake_next_loads(results)
                if isinstance(step, CallHosts):
                    follows = lease(observed, step)
                results = _call(work, follows)
        except store.StaleSwap as stale:
            # Another worker, or a command, was first; it takes the swap on.
            log.debug("stale", swap=str(work.swap_id), reason=str(stale))
            _commit(results)
            results = []
        else:
            if step is None or (isinstance(step, MoveTo) and step.state in END_STATES):
                return None
            if len(results) < len(follows.leased):
                patience.is_over()  # a host takes its time, and holds no worker
            if patience.lasts(observed, step, follows):
                continue
            again = _rest(observed, _waits_for(observed, step))
        if work.over():
            return again
    _commit(results)
    return 0.0


class Patience:
    """How long a worker waits itself for what is about to come, in all."""

    def __init__(self, work: WorkItem, seconds: float) -> None:
        self._work = work
        self._left = seconds

    def is_over(self) -> None:
        self._left = 0.0

    def lasts(self, observed: ObservedSwap, step: Step, follows: Calls) -> bool:
        """Whether to look again at once: after a step, or after a short wait for what follows."""
        if isinstance(step, Wait):
            return self._wait(min(_worth_waiting(step, observed), self._left))
        if follows.with_others:  # another worker is at the host for us: give it a moment
            return self._left > 0 and self._wait(BLINK_SECONDS)
        if _asks_nodes(step):
            # To look before they answer only takes the cores from those who answer.
            self._work.woken.wait(BLINK_SECONDS)
        return True

    def _wait(self, seconds: float) -> bool:
        if seconds <= 0:
            return False
        began = time.monotonic()
        self._work.woken.wait(seconds)
        self._left -= time.monotonic() - began
        return True


def _look(swap_id: uuid.UUID, results: Sequence[CallResult]) -> ObservedSwap:
    """All rows as they are once the results of calls are in them."""
    if not results:
        return observe(swap_id)
    written = [statement for one in results for statement in one.statements]
    *_, found = run(*_locks(swap_id), *written, select_swap(swap_id))
    return observed_from(swap_id, found.rows)


def _decide(observed: ObservedSwap) -> Step | None:
    """None for a swap that is over."""
    snapshot = observed.snapshot
    return None if snapshot.state in END_STATES else next_step(snapshot)


def _call(work: WorkItem, follows: Calls) -> list[CallResult]:
    """What hosts answered within a moment; the swap is woken by what comes later."""
    if not follows.leased:
        return []

    def come_back() -> None:
        work.woken.set()
        wake_swap(work.swap_id)

    return [result for _, result in calls.call(follows.leased, late=come_back)]


def _commit(results: Sequence[CallResult]) -> None:
    for one in results:
        outcomes.commit(one)


def _waits_for(observed: ObservedSwap, step: Step) -> Wait:
    """Of a host that is only asked for its status the last word says more than that it is asked."""
    if isinstance(step, Wait):
        return step
    only_a_look = isinstance(step, CallHosts) and step.call is Call.LOOK
    words = (only_a_look and observed.swap.waiting_for) or step.reason
    return Wait(words, observed.snapshot.now + OTHERS_AT_WORK)


def _locks(swap_id: uuid.UUID) -> list[Statement]:
    """The queue's and the swap's, in the order of whoever ends a swap, before any placement's."""
    return [
        lock_queue_of(swap_id),
        Statement(
            "SELECT 1 FROM swaps_swapoperation WHERE id = %(swap)s FOR NO KEY UPDATE",
            {"swap": swap_id},
        ),
    ]


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
