"""Every command: guard, change, audit, wake, in one transaction. The doors call only these."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, NotPossibleNow, PastPointOfNoReturn, SwapNotFound
from swaps.commands.refusals import audited
from swaps.commands.swaps import preconditions
from swaps.commands.swaps.creation import make_swap
from swaps.commands.swaps.requests import LONGEST_SECONDS, SwapRequest, find_model, find_swap
from swaps.domain.changes import CommandDetails, of_command
from swaps.domain.commands import (
    Accepted,
    Command,
    CommandCheck,
    NewSwap,
    NotPossible,
    check_command,
)
from swaps.domain.rolling_forward import no_way_forward
from swaps.domain.seen import Seen, step_words
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.strategies import parse_strategy
from swaps.engine import queue
from swaps.engine.observe import observe
from swaps.engine.write import store
from swaps.engine.write.columns import columns_of
from swaps.live.wake import wake_swap
from swaps.models import Route, ServedModel, SwapOperation
from swaps.models.swap_operations import EventKind

DEFAULT_EXTENSION_SECONDS = 30
# In line a swap is over with these, and whoever is behind it moves up.
_MAY_END = frozenset({Command.CANCEL, Command.ROLLBACK})


def request_swap(
    *, actor: Actor, model_name: str, from_version: str, to_version: str, **options: Any
) -> SwapOperation:
    """`options`: the other fields of SwapRequest, which says what they mean.

    Raises what `swaps.commands.swaps.creation.make_swap` raises.
    """
    return make_swap(
        SwapRequest(
            model_name=model_name, from_version=from_version, to_version=to_version, **options
        ),
        actor,
    )


def request_activation(
    *, actor: Actor, model_name: str, version: str, **options: Any
) -> SwapOperation | None:
    """A model's first version: a swap from nothing. None when it serves 100 % already."""
    with audited(actor, Action.ACTIVATE, "model", model_name):
        actor.require(Action.ACTIVATE, model_name)
    route = Route.objects.filter(model__name=model_name).first()
    if route is not None and route.weights == {version: 100}:
        return None
    return make_swap(
        SwapRequest(model_name=model_name, from_version=None, to_version=version, **options), actor
    )


def apply_command(
    swap_id: uuid.UUID,
    command: Command,
    *,
    actor: Actor,
    reason: str = "",
    seconds: int | None = None,
    full: bool = False,
    of_rollback: bool = False,
    seen: Seen | None = None,
    still_meant: Callable[[SwapOperation], None] | None = None,
) -> SwapOperation:
    """What people may ask of a swap; see the command table in swaps.domain.commands.

    `seconds` is for extend-drain, `full` for promote, `of_rollback` for a rollback: that the swap
    is itself one is known, and taking it back meant. `seen` is what was decided on; instead of
    it, `still_meant` gets the locked row before anything is done, and raises NotPossibleNow when
    it is not that: of two clicks at the same moment the second finds what the first did.
    Rolling back a completed swap returns the new swap that does it.
    Raises SwapNotFound, NotAllowed, NotPossibleNow, PastPointOfNoReturn, InvalidRequest; for
    the rollback of a completed swap also what `make_swap` raises.
    """
    with audited(actor, command, "swap", str(swap_id)):
        actor.require(Action(command.value))
        if seconds is not None and not 1 <= seconds <= LONGEST_SECONDS:
            raise InvalidRequest("seconds", f"{seconds} is not between 1 and {LONGEST_SECONDS}")
        try:
            with transaction.atomic():
                if command in _MAY_END:
                    queue.lock_queue(find_swap(swap_id, seen_by=actor).model_id)
                # A command waits for the engine's write, and the engine's next write for it.
                swap = (
                    SwapOperation.objects.select_for_update(of=("self",))
                    .select_related("model")
                    .get(pk=swap_id)
                )
                if not actor.sees(swap.model.name):
                    raise SwapOperation.DoesNotExist
                state = SwapState(swap.state)
                past = swap.past_return_at is not None
                answer = check_command(command, state, past_return=past)
                done = _is_done(swap, command, answer, full=full)
                if still_meant is not None:
                    still_meant(swap)
                elif not done:
                    preconditions.require_seen(swap, seen or Seen())
                    if command is Command.PROMOTE and not isinstance(answer, NotPossible):
                        preconditions.require_viewed(swap, seen or Seen(), full=full)
                if command is Command.ROLLBACK and not of_rollback:
                    _require_no_rollback(swap, answer)
                match answer:
                    case NotPossible(why, retry):
                        kind = PastPointOfNoReturn if past and retry else NotPossibleNow
                        raise kind(why + _instead(swap, command), retry=retry)
                    case Accepted() if done:
                        _audit(swap, command, actor, reason, "nothing: it is under way")
                        return swap
                    case Accepted():
                        if command is Command.ROLL_FORWARD:
                            _require_way_forward(swap)
                        _accept(swap, command, actor, reason, seconds, full)
                        return swap
                    case NewSwap() if swap.from_version is None:
                        raise NotPossibleNow(
                            f"{swap} put the first version in place: there is no way back from it"
                        )
                    case NewSwap():
                        pass
        except (SwapOperation.DoesNotExist, ServedModel.DoesNotExist):
            raise SwapNotFound(f"no swap has the id {swap_id}") from None
    return _reverse(swap, actor, reason)


def _is_done(swap: SwapOperation, command: Command, answer: CommandCheck, *, full: bool) -> bool:
    """It is under way as asked: whoever asks again means the same, and changes nothing."""
    match answer:
        case Accepted(already=True):
            return True
        case Accepted() if command is Command.PROMOTE and not full:
            return preconditions.is_promoted(swap)
        case _:
            return False


def _require_no_rollback(swap: SwapOperation, answer: CommandCheck) -> None:
    if swap.reverses_id is not None and not isinstance(answer, NotPossible):
        preconditions.refuse_to_take_back_a_rollback(swap)


def _instead(swap: SwapOperation, command: Command) -> str:
    """Where a swap that is over has nothing to take back: which one has."""
    if command is not Command.ROLLBACK or SwapState(swap.state) not in END_STATES:
        return ""
    last = (
        SwapOperation.objects.filter(model=swap.model_id, state=SwapState.COMPLETED)
        .exclude(from_version=None)
        .order_by("-start_time")
        .first()
    )
    if last is None:
        return ""
    was = f"{last.from_version} → {last.to_version}"
    return f". The last completed one is {was}, swap {last.pk}: roll that one back by its id"


def _accept(
    swap: SwapOperation,
    command: Command,
    actor: Actor,
    reason: str,
    seconds: int | None,
    full: bool,
) -> None:
    asked = CommandDetails(
        by=actor.name, full=full, longer=timedelta(seconds=seconds or DEFAULT_EXTENSION_SECONDS)
    )
    words = _words(swap, command, asked)
    changes = columns_of(
        of_command(
            command,
            SwapState(swap.state),
            swap.step_index,
            asked,
            limited=swap.swap_deadline is not None,
        )
    )
    # A swap that waits in line ends at once: it has no turn in which the engine could end it.
    over = swap.queued and command in _MAY_END
    if over:
        changes |= {"queued": False, "end_time": Now(), "waiting_for": ""}
    store.write(
        swap,
        kind=EventKind.COMMAND,
        reason=f"{words}: {reason}" if reason else words,
        actor=actor,
        data={"command": command.value},
        to_state=SwapState.CANCELLED if over else None,
        next_check_at=Now(),
        attended_until=None,
        **changes,
    )
    _audit(swap, command, actor, reason, words)
    if over:
        queue.let_next_begin(swap.model_id)
    transaction.on_commit(lambda: wake_swap(swap.pk))


def _require_way_forward(swap: SwapOperation) -> None:
    """Raises NotPossibleNow where it is known already that nothing would come of it."""
    why = no_way_forward(observe(swap.pk).snapshot)
    if why:
        raise NotPossibleNow(f"{swap} cannot roll forward: {why}")


def _audit(swap: SwapOperation, command: Command, actor: Actor, reason: str, words: str) -> None:
    record(
        actor=actor,
        action=command,
        object_kind="swap",
        object_name=str(swap),
        swap=swap.pk,
        reason=reason,
        before={"state": swap.state},
        after={"asked": words},
    )


def _words(swap: SwapOperation, command: Command, asked: CommandDetails) -> str:
    match command:
        case Command.CANCEL:
            return "cancel"
        case Command.ROLLBACK:
            return "roll back"
        case Command.PAUSE:
            return "pause"
        case Command.RESUME:
            return "resume"
        case Command.PROMOTE if swap.state == SwapState.OLD_VERSION_DRAINING:
            return "end the bake time"
        case Command.PROMOTE if asked.full:
            return "promote to 100 %"
        case Command.PROMOTE:
            steps = parse_strategy(swap.strategy).steps
            return f"promote past {step_words(steps, swap.step_index)}"
        case Command.EXTEND_DRAIN:
            return f"extend the drain by {asked.longer.total_seconds():g} s"
        case Command.FORCE_UNLOAD:
            return "force the unload"
        case Command.ROLL_FORWARD:
            return "roll forward"


def _reverse(swap: SwapOperation, actor: Actor, reason: str) -> SwapOperation:
    assert swap.from_version is not None, "an activation has no way back"
    return make_swap(
        SwapRequest(
            model_name=swap.model.name,
            from_version=swap.to_version,
            to_version=swap.from_version,
            strategy="all-at-once",
            target_hosts=swap.source_hosts or None,
            reason=reason or f"roll back {swap}",
            reverses=swap,
        ),
        actor,
    )


def release_queue(*, actor: Actor, model_name: str, reason: str = "") -> None:
    """Let a held queue go on. Raises ModelNotFound, NotPossibleNow, NotAllowed."""
    with audited(actor, Action.RELEASE_QUEUE, "model", model_name):
        actor.require(Action.RELEASE_QUEUE, model_name)
        model = find_model(model_name)
        with transaction.atomic():
            held = ServedModel.objects.select_for_update(no_key=True).get(pk=model.pk)
            if not held.queue_held_reason:
                raise NotPossibleNow(f"the queue of {model_name} is not held")
            ServedModel.objects.filter(pk=model.pk).update(queue_held_reason="")
            following = queue.release_next(model.pk)
            record(
                actor=actor,
                action=Action.RELEASE_QUEUE,
                object_kind="model",
                object_name=model_name,
                reason=reason,
                before={"held": held.queue_held_reason},
            )
            if following is not None:
                transaction.on_commit(lambda: wake_swap(following))
