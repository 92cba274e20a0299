"""Swaps in line: one open swap a model; the others wait their turn, or for an approval."""

import uuid

from django.db import transaction
from django.db.models.functions import Now

from swaps.db.statements import Statement
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.inputs import lacks_approval
from swaps.engine.write import store
from swaps.live.wake import wake_swap
from swaps.models import ServedModel, SwapOperation
from swaps.models.swap_operations import EventKind


def lock_queue(model_id: int) -> ServedModel:
    """Until the transaction ends nobody joins this model's queue, leaves it or gets a turn.

    Without it, a swap that joins just as the one ahead ends would see an open swap, be seen by
    no one, and wait for ever. To be taken before any swap's row, or two would wait for each
    other. Raises ServedModel.DoesNotExist.
    """
    return ServedModel.objects.select_for_update(no_key=True).get(pk=model_id)


def lock_queue_of(swap_id: uuid.UUID) -> Statement:
    """The same lock, to be sent together with what needs it."""
    return Statement(
        "SELECT 1 FROM swaps_servedmodel WHERE id ="
        " (SELECT model_id FROM swaps_swapoperation WHERE id = %(swap)s) FOR NO KEY UPDATE",
        {"swap": swap_id},
    )


def first_queued(model_id: int) -> Statement:
    """A row when somebody stands in line."""
    return Statement(
        "SELECT 1 FROM swaps_swapoperation"
        " WHERE model_id = %(model)s AND queued AND state = %(state)s LIMIT 1",
        {"model": model_id, "state": SwapState.NOT_STARTED.value},
    )


def after(swap: SwapOperation) -> uuid.UUID | None:
    """What the end of `swap` means to the queue behind it: the next one's turn, or a held queue.

    To be called in the transaction that ends the swap and holds the queue's lock, when somebody
    stands in it. Returns the swap whose turn it is.
    """
    if swap.state in {SwapState.FAILED, SwapState.ROLLED_BACK}:
        ServedModel.objects.filter(pk=swap.model_id).update(
            queue_held_reason=f"{swap.from_version or 'nothing'} → {swap.to_version} ended "
            f"{swap.state}: release the queue, or cancel what waits in it"
        )
        return None
    held = ServedModel.objects.values_list("queue_held_reason", flat=True).get(pk=swap.model_id)
    if held:  # it went ahead of a held queue, which stays held
        return None
    return release_next(swap.model_id)


def let_next_begin(model_id: int) -> None:
    """After one in line got its approval, or left: whoever is first now may go, unless the queue
    is held. To be called in a transaction that holds the queue's lock.
    """
    if ServedModel.objects.filter(pk=model_id, queue_held_reason="").exists():
        following = release_next(model_id)
        if following is not None:
            transaction.on_commit(lambda: wake_swap(following))


def release_next(model_id: int) -> uuid.UUID | None:
    """Give the first in line its turn, once it has the approval that it needs.

    To be called in a transaction that holds the queue's lock.
    """
    open_swaps = SwapOperation.objects.filter(model=model_id, queued=False)
    if open_swaps.exclude(state__in=END_STATES).exists():
        return None  # a rollback went ahead; its end gives the turn
    following = (
        SwapOperation.objects.select_for_update(of=("self",))
        .select_related("model")
        .filter(model=model_id, queued=True, state=SwapState.NOT_STARTED)
        .order_by("start_time")
        .first()
    )
    if following is None or lacks_approval(following):
        return None
    store.write(
        following,
        kind=EventKind.STEP,
        reason="its turn has come",
        queued=False,
        state_entered_at=Now(),
        next_check_at=Now(),
        waiting_for="",
    )
    return following.pk
