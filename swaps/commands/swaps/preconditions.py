"""Is a command still about what its author saw; if not, what happened since, in words.

The rule is in swaps.domain.seen. To be asked under the lock of the swap's row: of two at the
same moment the second finds what the first did.
"""

from datetime import datetime

from swaps.commands.errors import NotPossibleNow
from swaps.db.clock import database_now
from swaps.domain.commands import Command
from swaps.domain.seen import Seen, Standing, otherwise, passed_unseen, step_words
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.models import SwapEvent, SwapOperation
from swaps.models.swap_operations import EventKind

_TOLD = 3  # events, the newest


def require_seen(swap: SwapOperation, seen: Seen) -> None:
    """`swap` is locked. Raises NotPossibleNow when it is not as it was seen."""
    if seen == Seen():
        return
    now = database_now()
    problem = otherwise(seen, _standing(swap, now))
    if problem:
        raise NotPossibleNow(
            f"{swap} is not as you saw it: {problem}{_since(swap, seen, now)}. Nothing was done: "
            "look again, then decide"
        )


def require_viewed(swap: SwapOperation, seen: Seen, *, full: bool) -> None:
    """Of a promote, which may name no step. Raises NotPossibleNow when it would pass a hold, or
    end a bake time, that nobody can have looked at yet.
    """
    transitioning = swap.state == SwapState.TRANSITIONING
    if seen.names_step or (full and transitioning):
        return
    now = database_now()
    standing = _standing(swap, now)
    passed = passed_unseen(standing)
    if passed is None:
        return
    by_hand = swap.promoted_full or swap.promoted_steps > passed
    who = _promoted_by(swap) if by_hand else "its time was over"
    ago = _ago(_here_since(swap), now)
    left = f"{swap} left {step_words(standing.steps, passed)} {ago} ({who})"
    if not transitioning:
        raise NotPossibleNow(
            f"{left}, and is in {standing.state} now. A promote that names nothing may have meant "
            f'that step: to end the bake time, say what you saw: "seen": {{"generation": '
            f"{swap.generation}}}"
        )
    raise NotPossibleNow(
        f"{left}, and stands at {step_words(standing.steps, standing.step_index)} now. A promote "
        "that names no step may have meant the one before: to pass this one, name it: "
        f'"seen": {{"step_index": {standing.step_index}}} (--step {standing.step_index + 1})'
    )


def is_promoted(swap: SwapOperation) -> bool:
    """The step that it stands at is passed already: asked for again, nothing is left to do."""
    if swap.state == SwapState.OLD_VERSION_DRAINING:
        return swap.bake_ended
    passed = swap.promoted_full or swap.promoted_steps > swap.step_index
    return passed and not swap.paused


def refuse_to_take_back_a_rollback(swap: SwapOperation) -> None:
    """Two who roll a model back must not cancel each other out. Raises NotPossibleNow."""
    taken = swap.reverses
    assert taken is not None, "only of a roll back"
    ago = _ago(swap.start_time, database_now())
    raise NotPossibleNow(
        f"{swap.model.name} is rolled back already: this swap is the roll back of {taken}, by "
        f"{swap.requested_by} {ago} ({swap.state}). To put {taken.to_version} in service again, "
        'say so: "of_rollback": true'
    )


def _standing(swap: SwapOperation, now: datetime) -> Standing:
    # A problem that is put on record changes nothing of what may be done.
    told = SwapEvent.objects.filter(swap=swap).exclude(kind=EventKind.PROBLEM)
    newest = told.order_by("-generation").values_list("generation", flat=True).first()
    return Standing(
        generation=swap.generation if newest is None else newest,
        state=SwapState(swap.state),
        steps=parse_strategy(swap.strategy).steps,
        step_index=swap.step_index,
        here_for=now - _here_since(swap),
    )


def _here_since(swap: SwapOperation) -> datetime:
    if swap.state == SwapState.TRANSITIONING and swap.step_entered_at is not None:
        return swap.step_entered_at
    return swap.state_entered_at


def _promoted_by(swap: SwapOperation) -> str:
    asked = SwapEvent.objects.filter(
        swap=swap, kind=EventKind.COMMAND, data__command=Command.PROMOTE.value
    )
    last = asked.order_by("-generation").first()
    return f"promoted by {last.actor}" if last else "promoted"


def _since(swap: SwapOperation, seen: Seen, now: datetime) -> str:
    after = -1 if seen.generation is None else seen.generation
    events = SwapEvent.objects.filter(swap=swap, generation__gt=after)
    newest = list(events.exclude(kind=EventKind.PROBLEM).order_by("-generation")[:_TOLD])
    told = [f"{one.reason} ({one.actor}, {_ago(one.at, now)})" for one in reversed(newest)]
    return f". What happened last: {'; '.join(told)}" if told else ""


def _ago(moment: datetime, now: datetime) -> str:
    return f"{max(0.0, (now - moment).total_seconds()):.1f} s ago"
