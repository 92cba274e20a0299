"""Every command: guard, change, audit, wake, in one transaction. The doors call only these."""

import uuid
from collections.abc import Callable
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
from swaps.domain.commands import (
    ENTRIES,
    Accepted,
    Command,
    CommandCheck,
    CommandDetails,
    CommandEntry,
    Given,
    NewSwap,
    NotPossible,
    Place,
)
from swaps.domain.seen import Seen
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.strategies import parse_strategy
from swaps.engine import queue
from swaps.engine.observe import observe
from swaps.engine.write import store
from swaps.engine.write.columns import columns_of
from swaps.live.wake import wake_swap
from swaps.models import Route, ServedModel, SwapOperation
from swaps.models.swap_operations import EventKind


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
    seen: Seen | None = None,
    still_meant: Callable[[SwapOperation], None] | None = None,
    **given: int | None,
) -> SwapOperation:
    """What people may ask of a swap; see the entries in swaps.domain.commands.

    `given`: of the fields of the command's entry, `seconds` of extend-drain, say. `seen` is what
    was decided on; instead of it, `still_meant` gets the locked row before anything is done, and
    raises NotPossibleNow when it is not that: of two clicks at the same moment the second finds
    what the first did.
    Rolling back a completed swap returns the new swap that does it.
    Raises SwapNotFound, NotAllowed, NotPossibleNow, PastPointOfNoReturn, InvalidRequest; for
    the rollback of a completed swap also what `make_swap` raises.
    """
    entry = ENTRIES[command]
    with audited(actor, command, "swap", str(swap_id)):
        actor.require(command)
        _check_given(entry, given)
        full = bool(given.get("full"))
        try:
            with transaction.atomic():
                if entry.ends_what_waits:
                    queue.lock_queue(find_swap(swap_id, seen_by=actor).model_id)
                # A command waits for the engine's write, and the engine's next write for it.
                swap = (
                    SwapOperation.objects.select_for_update(of=("self",))
                    .select_related("model")
                    .get(pk=swap_id)
                )
                if not actor.sees(swap.model.name):
                    raise SwapOperation.DoesNotExist
                place = _place_of(swap)
                answer = entry.check(place)
                done = _is_done(swap, command, answer, full=full)
                if still_meant is not None:
                    still_meant(swap)
                elif not done:
                    preconditions.require_seen(swap, seen or Seen())
                    if command is Command.PROMOTE and not isinstance(answer, NotPossible):
                        preconditions.require_viewed(swap, seen or Seen(), full=full)
                if command is Command.ROLLBACK and not given.get("of_rollback"):
                    _require_no_rollback(swap, answer)
                match answer:
                    case NotPossible(why, retry):
                        kind = (
                            PastPointOfNoReturn if place.past_return and retry else NotPossibleNow
                        )
                        raise kind(why + _instead(swap, command), retry=retry)
                    case Accepted() if done:
                        _audit(swap, command, actor, reason, "nothing: it is under way")
                        return swap
                    case Accepted():
                        _require_use(swap, entry)
                        _accept(swap, entry, place, actor, reason, given)
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


def _check_given(entry: CommandEntry, given: Given) -> None:
    """Raises InvalidRequest; TypeError for what the command does not take."""
    unknown = given.keys() - {field.name for field in entry.fields}
    if unknown:
        raise TypeError(f"{entry.command} takes no {', '.join(sorted(unknown))}")
    for field in entry.fields:
        value = given.get(field.name)
        if field.kind is int and value is not None and not 1 <= value <= LONGEST_SECONDS:
            raise InvalidRequest(field.name, f"{value} is not between 1 and {LONGEST_SECONDS}")


def _place_of(swap: SwapOperation) -> Place:
    return Place(
        SwapState(swap.state),
        past_return=swap.past_return_at is not None,
        steps=parse_strategy(swap.strategy).steps,
        step_index=swap.step_index,
        limited=swap.swap_deadline is not None,
    )


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
    entry: CommandEntry,
    place: Place,
    actor: Actor,
    reason: str,
    given: Given,
) -> None:
    asked = CommandDetails(by=actor.name, given=given)
    words = entry.told(place, asked)
    changes = columns_of(entry.change(place, asked))
    # A swap that waits in line ends at once: it has no turn in which the engine could end it.
    over = swap.queued and entry.ends_what_waits
    if over:
        changes |= {"queued": False, "end_time": Now(), "waiting_for": ""}
    store.write(
        swap,
        kind=EventKind.COMMAND,
        reason=f"{words}: {reason}" if reason else words,
        actor=actor,
        data={"command": entry.command.value},
        to_state=SwapState.CANCELLED if over else None,
        next_check_at=Now(),
        attended_until=None,
        **changes,
    )
    _audit(swap, entry.command, actor, reason, words)
    if over:
        queue.let_next_begin(swap.model_id)
    transaction.on_commit(lambda: wake_swap(swap.pk))


def _require_use(swap: SwapOperation, entry: CommandEntry) -> None:
    """Raises NotPossibleNow where it is known already that nothing would come of it."""
    why = entry.hindrance(observe(swap.pk).snapshot) if entry.hindrance is not None else ""
    if why:
        raise NotPossibleNow(f"{swap} cannot {entry.label.lower()}: {why}")


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
