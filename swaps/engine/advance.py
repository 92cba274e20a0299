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
from swaps.domain.loading import load_together
from swaps.domain.next_step import next_step
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import Advance, Call, CallHosts, MoveTo, PassReturn, Step, Wait, Want
from swaps.engine.hosts import calls, leases, outcomes
from swaps.engine.hosts.leases import Begun, Effect
from swaps.engine.hosts.outcomes import Said
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.listener import hearing
from swaps.engine.observe import Placed, Sighting, observe, seen, sight
from swaps.engine.queue import lock_line_of
from swaps.engine.turn_lock import Turn, turn_at
from swaps.engine.write import steps, store
from swaps.live.wake import wake_swap

log = structlog.get_logger("swaps.engine")

# A worker waits itself for acks, proofs and quick loads, but no longer than this a turn.
MOMENT_SECONDS = 0.3
# Found again by the sweep at the latest after so long, whatever wake-up was lost.
SAFETY_NET = timedelta(seconds=5)
MAX_STEPS_A_TURN = 200
BLINK_SECONDS = 0.02
OTHERS_TURN = timedelta(seconds=1)


def advance(swap_id: uuid.UUID, *, if_due: bool = False) -> float | None:
    """Take a swap as far as it goes now.

    `if_due`: only when its next look is due. So of two chains of timed looks one ends,
    instead of both going on for as long as the swap waits.

    Returns the seconds until it should be looked at again when that is less than the
    sweep would take, None otherwise.
    """
    with turn_at(swap_id) as turn:
        if turn is None:
            return None
        model_id = _model_of(swap_id, if_due=if_due)
        if model_id is None:
            return None
        with hearing(model_id, turn.heard):
            return take(turn)


def take(turn: Turn) -> float | None:
    """The turn itself; returns what `advance` does."""
    heard = turn.heard
    patience = MOMENT_SECONDS
    said: list[Said] = []  # by hosts, and not committed yet
    for _ in range(MAX_STEPS_A_TURN):
        heard.clear()
        again: float | None = None
        try:
            with turn.at_a_step():
                sighting, step, begun = _look_and_begin(turn.swap_id, said)
                said = _call(turn, begun) if begun else []
                if begun and len(said) < len(begun):
                    patience = 0.0  # a host takes its time, and holds no worker
        except store.StaleSwap as stale:
            # Another worker, or a command, was first; it takes the swap on.
            log.debug("stale", swap=str(turn.swap_id), reason=str(stale))
            _commit(said)
            said = []
        else:
            if step is None or (isinstance(step, MoveTo) and step.state in END_STATES):
                return None
            if isinstance(step, Wait):
                moment = min(_worth_waiting(step, sighting), patience)
                if moment > 0:
                    began = time.monotonic()
                    heard.wait(moment)
                    patience -= time.monotonic() - began
                    continue
                again = _rest(sighting, step)
            elif begun is not None:
                if _asks_nodes(step):
                    # To look before they answer only takes the cores from those who answer.
                    heard.wait(BLINK_SECONDS)
                continue
            elif patience > 0:  # another worker is at the host for us: give it a moment
                heard.wait(BLINK_SECONDS)
                patience -= BLINK_SECONDS
                continue
            else:
                again = _rest(sighting, _until_answered(sighting, step))
        if turn.over():
            return again
    _commit(said)
    return 0.0


def _look_and_begin(
    swap_id: uuid.UUID, said: list[Said]
) -> tuple[Sighting, Step | None, list[Begun] | None]:
    """What hosts said, the look at all rows, and what is decided then, in one transaction.

    Without a step for a swap that is over. Raises StaleSwap, and then nothing was committed.
    """
    if not said:
        sighting = observe(swap_id)
        step = _decide(sighting)
        return (
            sighting,
            step,
            [] if step is None or isinstance(step, Wait) else _begin(sighting, step),
        )
    with transaction.atomic():
        *_, found = run(*_locks(swap_id), *_statements(said), sight(swap_id))
        sighting = seen(swap_id, found.rows)
        step = _decide(sighting)
        begun = _begin(sighting, step) if isinstance(step, MoveTo | Advance | PassReturn) else []
    outcomes.wake_next_loads(said)
    if isinstance(step, CallHosts):
        begun = _begin(sighting, step)
    return sighting, step, begun


def _call(turn: Turn, begun: list[Begun]) -> list[Said]:
    """What hosts said within a moment; the swap is woken by what comes later."""

    def come_back() -> None:
        turn.heard.set()
        wake_swap(turn.swap_id)

    return [said for _, said in calls.call(begun, late=come_back)]


def _until_answered(sighting: Sighting, step: Step) -> Wait:
    """Of a host that is only asked for its status the last word says more than that it is asked."""
    only_a_look = isinstance(step, CallHosts) and step.call is Call.LOOK
    words = (only_a_look and sighting.swap.waiting_for) or step.reason
    return Wait(words, sighting.snapshot.now + OTHERS_TURN)


def _decide(sighting: Sighting) -> Step | None:
    snapshot = sighting.snapshot
    return None if snapshot.state in END_STATES else next_step(snapshot)


def _locks(swap_id: uuid.UUID) -> list[Statement]:
    """The line's and the swap's, in the order of whoever ends a swap, before any placement's."""
    return [
        lock_line_of(swap_id),
        Statement(
            "SELECT 1 FROM swaps_swapoperation WHERE id = %(swap)s FOR NO KEY UPDATE",
            {"swap": swap_id},
        ),
    ]


def _statements(said: list[Said]) -> list[Statement]:
    return [statement for one in said for statement in one.statements]


def _commit(said: list[Said]) -> None:
    for one in said:
        outcomes.commit(one)


def _asks_nodes(step: Step) -> bool:
    """Whether the nodes answer this step within milliseconds, by an ack or a proof."""
    if isinstance(step, MoveTo) and step.state is SwapState.OLD_VERSION_DRAINING:
        return True
    return isinstance(step, MoveTo | Advance) and step.route is not None


_MODEL_OF = "SELECT model_id FROM swaps_swapoperation WHERE id = %(swap)s"
_IF_DUE = " AND (next_check_at IS NULL OR next_check_at <= statement_timestamp())"


def _model_of(swap_id: uuid.UUID, *, if_due: bool) -> int | None:
    (found,) = run(Statement(_MODEL_OF + (_IF_DUE if if_due else ""), {"swap": swap_id}))
    return next((model_id for (model_id,) in found.rows), None)


def _worth_waiting(step: Wait, sighting: Sighting) -> float:
    """Seconds; 0 for what takes longer than a moment."""
    if step.moment:
        return MOMENT_SECONDS
    if step.until is None:
        return 0.0
    left = (step.until - sighting.snapshot.now).total_seconds()
    return left if left <= MOMENT_SECONDS else 0.0


def _rest(sighting: Sighting, step: Wait) -> float | None:
    now = sighting.snapshot.now
    until = min(step.until, now + SAFETY_NET) if step.until else now + SAFETY_NET
    pause = max((until - now).total_seconds(), 0.05)
    try:
        store.wait(sighting.swap, step, next_check=Now() + timedelta(seconds=pause))
    except store.StaleSwap:
        return None
    return pause if pause < 1 else None


def _do(sighting: Sighting, step: Step) -> bool:
    """A step alone, to its end. Returns whether anything came of it. Raises StaleSwap."""
    begun = _begin(sighting, step)
    if begun is None:
        return False
    _commit([said for _, said in calls.call(begun)])
    return True


def _begin(sighting: Sighting, step: Step) -> list[Begun] | None:
    """Commit the step's intent; returns the calls that follow, whose leases came with it.

    Whoever finds an intent without its act, after a crash between the two, is told by the
    decision to look and to act. None: nothing was done. Raises StaleSwap.
    """
    match step:
        case MoveTo(want=Want(version, hosts, loaded=True)):
            target = [v for v in sighting.snapshot.target if v.host in hosts]
            together = [v.host for v in load_together(sighting.snapshot, target, target)]
            loads = [
                one
                for one in _effects(sighting, Call.LOAD, version, tuple(together), fences=1)
                # Looked at first, and loaded only if it is not ready then.
                if not (one.placed.undecided or one.placed.adoptable)
            ]
            return steps.move(sighting, step, *loads)
        case MoveTo():
            return steps.move(sighting, step)
        case Advance():
            steps.advance(sighting, step)
            return []
        case PassReturn(version, hosts):
            unloads = _effects(sighting, Call.UNLOAD, version, hosts, fences=1)
            return steps.pass_return(sighting, step, *unloads)
        case CallHosts(call, version, hosts):
            wanted = _effects(sighting, call, version, hosts)
            return leases.begin(*calls.not_under_way(wanted)) or None
        case Wait():
            raise AssertionError("a wait is nothing to do")


def _effects(
    sighting: Sighting, call: Call, version: str, hosts: tuple[str, ...], *, fences: int = 0
) -> list[Effect]:
    """`fences`: how many intents from now, since each has a fence of its own."""
    swap = sighting.swap
    ref, warm = Ref(swap.model.name, version), WarmUp(swap.sample_request, swap.warmup_requests)
    # The new version as it was when the swap was asked for; the old one as it served before.
    frozen = swap.digests if version == swap.to_version else {}

    def fence(placed: Placed) -> int:
        if call is Call.LOAD and fences and not placed.fence:
            return sighting.first_fence
        return placed.fence + fences

    return [
        Effect(
            call,
            replace(placed, fence=fence(placed)),
            ref,
            warm,
            frozen.get(host, ""),
        )
        for host in hosts
        if (placed := sighting.placements.get((version, host))) is not None
    ]
