"""Protecting a model, which one administrator does, and giving that up, which takes two."""

from typing import Any

from django.db import transaction

from swaps.access.roles import Action, Actor, NotAllowed
from swaps.audit.record import record
from swaps.commands.errors import ModelNotFound, NotPossibleNow
from swaps.commands.refusals import audited
from swaps.commands.swaps.requests import find_model, is_way_back
from swaps.domain.approval import is_second_person
from swaps.domain.states import SwapState
from swaps.engine.inputs import lacks_approval
from swaps.engine.queue import lock_queue
from swaps.engine.write import store
from swaps.models import ServedModel, SwapOperation, UnprotectRequest
from swaps.models.swap_operations import EventKind


def protect_model(*, actor: Actor, model_name: str, reason: str = "") -> ServedModel:
    """From its commit on swaps of this model wait for a second person, those too that have not
    begun; a rollback does not. A request to give the protection up is withdrawn by this.

    Raises ModelNotFound, NotAllowed.
    """
    with audited(actor, Action.PROTECT, "model", model_name):
        actor.require(Action.PROTECT, model_name)
        with transaction.atomic():
            model = _locked(model_name)
            withdrawn = UnprotectRequest.objects.filter(model=model).delete()[0] > 0
            if model.protected and not withdrawn:
                return model
            before = {"protected": model.protected, "unprotect_requested": withdrawn}
            ServedModel.objects.filter(pk=model.pk).update(protected=True)
            for swap in _not_begun(model):
                _hold(swap, actor)
            _record(actor, model_name, reason, before, {"protected": True})
            model.protected = True
    return model


def unprotect_model(*, actor: Actor, model_name: str, reason: str = "") -> ServedModel:
    """The first administrator's call asks, another one's does it: `protected` says which it was.

    Asking twice asks once. `protect_model` takes the request back.
    Raises ModelNotFound, NotPossibleNow when it is not protected, NotAllowed.
    """
    with audited(actor, Action.PROTECT, "model", model_name):
        actor.require(Action.PROTECT, model_name)
        if actor.user_id is None:
            raise NotAllowed(
                "giving up a protection takes two people: sign in, or use a token of yours"
            )
        with transaction.atomic():
            model = _locked(model_name)
            if not model.protected:
                raise NotPossibleNow(f"{model_name} is not protected")
            asked = UnprotectRequest.objects.filter(model=model).first()
            if asked is None:
                UnprotectRequest.objects.create(
                    model=model,
                    requested_by=actor.name,
                    requesters=sorted(actor.people),
                    reason=reason,
                )
                after = {"protected": True, "unprotect_requested": True}
                _record(actor, model_name, reason, {"protected": True}, after)
                return model
            if not is_second_person(actor.people, frozenset(asked.requesters)):
                return model
            asked.delete()
            ServedModel.objects.filter(pk=model.pk).update(protected=False)
            before = {"protected": True, "unprotect_requested_by": asked.requested_by}
            _record(actor, model_name, reason, before, {"protected": False})
            model.protected = False
    return model


def _locked(name: str) -> ServedModel:
    try:
        return lock_queue(find_model(name).pk)
    except ServedModel.DoesNotExist:
        raise ModelNotFound(f"model {name!r} was just deleted") from None


def _not_begun(model: ServedModel) -> list[SwapOperation]:
    rows = SwapOperation.objects.select_for_update(of=("self",)).select_related("model")
    waiting = rows.filter(
        model=model, state=SwapState.NOT_STARTED, needs_approval=False, abort_requested=""
    )
    return [swap for swap in waiting if not is_way_back(swap.reverses)]


def _hold(swap: SwapOperation, actor: Actor) -> None:
    swap.needs_approval = True
    store.write(
        swap,
        kind=EventKind.STEP,
        reason=f"{swap.model.name} was protected: the swap needs the approval of a second person",
        actor=actor,
        needs_approval=True,
        queued=True,  # one that stood open lets a rollback go ahead of it
        waiting_for=lacks_approval(swap),
        attended_until=None,
    )


def _record(
    actor: Actor, model: str, reason: str, before: dict[str, Any], after: dict[str, Any]
) -> None:
    record(
        actor=actor,
        action=Action.PROTECT,
        object_kind="model",
        object_name=model,
        reason=reason,
        before=before,
        after=after,
    )
