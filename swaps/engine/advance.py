"""One turn of one swap: observe, decide, commit the intent, act, commit the outcome; again.

Ends when the swap is over, or has to wait longer than a moment: waiting holds no worker.
Safe to run twice at once and to be killed anywhere: the rows say where the swap is.
"""

import time
import uuid
from datetime import timedelta

import structlog
from django.db.models import Q
from django.db.models.functions import Now

from swaps.domain.next_step import next_step
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import Advance, Call, CallHosts, MoveTo, PassReturn, Step, Wait, Want
from swaps.engine import store
from swaps.engine.attention import hearing
from swaps.engine.effects import effect_of, run
from swaps.engine.observe import Sighting, observe
from swaps.engine.turns import Turn, turn_at
from swaps.engine.warm_up import WarmUp
from swaps.models import Placement, SwapOperation

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
    for _ in range(MAX_STEPS_A_TURN):
        heard.clear()
        sighting = observe(turn.swap_id)
        if sighting.snapshot.state in END_STATES:
            return None
        step = next_step(sighting.snapshot)
        again: float | None = None
        if isinstance(step, Wait):
            moment = min(_worth_waiting(step, sighting), patience)
            if moment > 0:
                began = time.monotonic()
                heard.wait(moment)
                patience -= time.monotonic() - began
                continue
            again = _rest(sighting, step)
        else:
            try:
                with turn.at_a_step():
                    done = _do(sighting, step)
                if done:
                    if isinstance(step, MoveTo) and step.state in END_STATES:
                        return None
                    if _asks_nodes(step):
                        # To look before they answer only takes the cores from those who answer.
                        heard.wait(BLINK_SECONDS)
                    continue
                if patience > 0:  # another worker is at the host for us: give it a moment
                    heard.wait(BLINK_SECONDS)
                    patience -= BLINK_SECONDS
                    continue
                store.postpone(sighting.swap, OTHERS_TURN)
            except store.StaleSwap as stale:
                # Another worker, or a command, was first; it takes the swap on.
                log.debug("stale", swap=str(turn.swap_id), reason=str(stale))
        if turn.over():
            return again
    return 0.0


def _asks_nodes(step: Step) -> bool:
    """Whether the nodes answer this step within milliseconds, by an ack or a proof."""
    if isinstance(step, MoveTo) and step.state is SwapState.OLD_VERSION_DRAINING:
        return True
    return isinstance(step, MoveTo | Advance) and step.route is not None


def _model_of(swap_id: uuid.UUID, *, if_due: bool) -> int | None:
    found = SwapOperation.objects.filter(pk=swap_id)
    if if_due:
        found = found.filter(Q(next_check_at=None) | Q(next_check_at__lte=Now()))
    return found.values_list("model_id", flat=True).first()


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
    """Returns whether anything came of it. Raises StaleSwap.

    An intent that is committed is acted on at once. Whoever finds it without its act, after
    a crash between the two, is told by the decision to look and to act.
    """
    swap = sighting.swap
    match step:
        case MoveTo(want=Want(version, hosts, loaded=True)):
            store.move(swap, step)
            _call(swap, CallHosts(Call.LOAD, version, hosts, step.reason))
        case MoveTo():
            store.move(swap, step)
        case Advance():
            store.advance(swap, step)
        case PassReturn(version, hosts):
            store.pass_return(swap, step, sighting.snapshot)
            _call(swap, CallHosts(Call.UNLOAD, version, hosts, step.reason))
        case CallHosts():
            return _call(swap, step)
        case Wait():
            raise AssertionError("a wait is nothing to do")
    return True


def _call(swap: SwapOperation, step: CallHosts) -> bool:
    warm = WarmUp(swap.sample_request, swap.warmup_requests)
    rows = Placement.objects.select_related("host", "model").filter(
        model=swap.model_id, version=step.version, host__name__in=step.hosts
    )
    # The new version as it was when the swap was asked for; the old one as it served before.
    frozen = swap.digests if step.version == swap.to_version else {}
    effects = [
        effect_of(step.call, row, warm=warm, digest=frozen.get(row.host.name, row.digest))
        for row in rows
    ]
    return any(run(*effects))
