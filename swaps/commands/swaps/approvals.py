"""A second person's word on a swap of a protected model: yes to what it froze, or no."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction
from django.db.models.functions import Now

from swaps.access.roles import Action, Actor, NotAllowed
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, NotPossibleNow, Stale
from swaps.commands.refusals import audited
from swaps.commands.swaps.requests import find_swap
from swaps.domain.approval import is_second_person
from swaps.domain.snapshot import QUEUED
from swaps.domain.states import SwapState
from swaps.engine import queue
from swaps.engine.inputs import digest_of, lacks_approval
from swaps.engine.write import store
from swaps.live.wake import wake_swap
from swaps.models import SwapApproval, SwapOperation
from swaps.models.approvals import Verdict
from swaps.models.swap_operations import EventKind


def approve_swap(
    swap_id: uuid.UUID, *, actor: Actor, inputs_digest: str, reason: str = ""
) -> SwapOperation:
    """`inputs_digest`: of the inputs that the approver has seen, from the swap's reading.

    Raises SwapNotFound, NotPossibleNow, Stale when the inputs are others, NotAllowed for
    whoever asked for the swap and for whoever is no person.
    """
    with _second_person_at(swap_id, actor) as swap:
        digest = digest_of(swap)
        if inputs_digest != digest:
            raise Stale(
                f"what {swap} would do is not what you looked at (its inputs have the digest "
                f"{digest[:12]}…): look again, then approve",
                [],
            )
        _write(swap, actor, Verdict.APPROVED, digest, reason)
        store.write(
            swap,
            kind=EventKind.COMMAND,
            reason=f"approved: {reason}" if reason else "approved",
            actor=actor,
            data={"inputs_digest": digest},
            next_check_at=Now(),
            waiting_for=QUEUED if swap.queued else "",
        )
        queue.let_next_begin(swap.model_id)
        if not swap.queued:
            transaction.on_commit(lambda: wake_swap(swap_id))
    return swap


def reject_swap(swap_id: uuid.UUID, *, actor: Actor, reason: str) -> SwapOperation:
    """The swap ends as Cancelled. A reason is needed: whoever asked wants to know.

    Raises SwapNotFound, NotPossibleNow, InvalidRequest, NotAllowed as for an approval.
    """
    with _second_person_at(swap_id, actor) as swap:
        if not reason.strip():
            raise InvalidRequest("reason", "say why, for whoever asked for the swap")
        _write(swap, actor, Verdict.REJECTED, digest_of(swap), reason)
        store.write(
            swap,
            kind=EventKind.TRANSITION,
            reason=f"rejected: {reason}",
            actor=actor,
            to_state=SwapState.CANCELLED,
            queued=False,
            end_time=Now(),
            next_check_at=None,
            attended_until=None,
            waiting_for="",
        )
        queue.let_next_begin(swap.model_id)
    return swap


@contextmanager
def _second_person_at(swap_id: uuid.UUID, actor: Actor) -> Iterator[SwapOperation]:
    """The locked swap, which waits for the word of somebody like this actor."""
    with audited(actor, Action.APPROVE, "swap", str(swap_id)):
        actor.require(Action.APPROVE)
        with transaction.atomic():
            found = find_swap(swap_id, seen_by=actor)
            queue.lock_queue(found.model_id)  # before the swap's row, as whoever ends a swap
            swap = (
                SwapOperation.objects.select_for_update(of=("self",))
                .select_related("model")
                .get(pk=swap_id)
            )
            if swap.state != SwapState.NOT_STARTED:
                raise NotPossibleNow(f"{swap} is {swap.state}: it waits for no approval")
            if not lacks_approval(swap):
                why = "was approved" if swap.needs_approval else "needs no approval"
                raise NotPossibleNow(f"{swap} {why}; whoever does not want it can cancel it")
            require_second_person(actor, swap)
            yield swap


def require_second_person(actor: Actor, swap: SwapOperation) -> None:
    """Raises NotAllowed."""
    if actor.user_id is None:
        raise NotAllowed("an approval is a person's: sign in, or use a token of yours")
    requesters = frozenset(swap.requesters)
    if actor.name == swap.requested_by or not is_second_person(actor.people, requesters):
        raise NotAllowed(
            f"{actor.name} may not decide on this swap: whoever asked for it, or has a token to "
            "ask with, is no second person; to take it back, cancel it"
        )


def _write(swap: SwapOperation, actor: Actor, verdict: Verdict, digest: str, reason: str) -> None:
    assert actor.user_id is not None, "who is no person was refused"
    SwapApproval.objects.update_or_create(
        swap=swap,
        user_id=actor.user_id,
        defaults={
            "people": sorted(actor.people),
            "verdict": verdict,
            "digest": digest,
            "reason": reason,
            "at": Now(),
        },
    )
    record(
        actor=actor,
        action=Action.APPROVE,
        object_kind="swap",
        object_name=str(swap),
        swap=swap.pk,
        reason=reason,
        before={"state": swap.state, "asked_by": swap.requested_by},
        after={"verdict": verdict.value, "inputs_digest": digest},
    )
