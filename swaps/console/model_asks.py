"""What people may ask of a model, in words, before it is done: the effect, or why not."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from swaps.access.roles import Action, Actor
from swaps.domain.approval import is_second_person
from swaps.engine.commands import release_queue
from swaps.engine.model_edits import delete_model
from swaps.engine.protection import protect_model, unprotect_model
from swaps.engine.usage import uses_of_model
from swaps.models import ServedModel, SwapOperation, UnprotectRequest
from swaps.readings.models import ModelReading, read_model


@dataclass(frozen=True, slots=True)
class ModelAsk:
    """`refusal`: why it cannot be done now, said before anybody confirms it."""

    what: str
    action: Action
    title: str
    effect: str
    button: str
    do: Callable[[Actor, str, str], object]  # of the model's name, for a reason
    keep: str = "Keep as it is"
    dangerous: bool = False
    typed: str = ""  # what must be typed to confirm
    refusal: str = ""
    gone: bool = False  # afterwards there is no such model

    @property
    def effect_key(self) -> str:
        """Another effect, another key: what was confirmed is what would be done now."""
        return hashlib.sha256(f"{self.what}|{self.effect}".encode()).hexdigest()[:16]


def model_ask(what: str, model: ServedModel, actor: Actor) -> ModelAsk | None:
    """None when nobody can ask for that."""
    match what:
        case "release":
            return _release(read_model(model.name))
        case "protect":
            return _protect(model)
        case "unprotect":
            return _unprotect(model, actor)
        case "delete":
            return _delete(model)
        case _:
            return None


def _release(model: ModelReading) -> ModelAsk:
    serving = ", ".join(model.route.weights) or "nothing"
    if not model.queue:
        effect = "Nothing waits in it any more; swaps to come wait for nobody."
    else:
        first = model.queue[0]
        versions = f"{first.from_version or 'nothing'} → {first.to_version}"
        effect = (
            f"{versions}, asked for by {first.requested_by}, gets its turn. All is checked again: "
            f"it fails unless {first.from_version or 'nothing'} serves then. Now {serving} serves."
        )
        behind = len(model.queue) - 1
        if behind:
            effect += f" {behind} more {'waits' if behind == 1 else 'wait'} behind it."
    return ModelAsk(
        "release",
        Action.RELEASE_QUEUE,
        f"Release the queue of {model.name}?",
        effect,
        "Release the queue",
        lambda actor, name, reason: release_queue(actor=actor, model_name=name, reason=reason),
        keep="Keep it held",
        refusal="" if model.queue_held_reason else f"The queue of {model.name} is not held.",
    )


def _protect(model: ServedModel) -> ModelAsk:
    asked = UnprotectRequest.objects.filter(model=model).first()
    if asked is not None:
        effect = f"The request of {asked.requested_by} to give up the protection is withdrawn."
        title, refusal = f"Keep {model.name} protected?", ""
    else:
        effect = (
            "From now on a swap waits until a second person approves it; so do those that have "
            "not begun. A roll back waits for nobody. To give this up takes two administrators."
        )
        title = f"Protect {model.name}?"
        refusal = f"{model.name} is protected already." if model.protected else ""
    return ModelAsk(
        "protect",
        Action.PROTECT,
        title,
        effect,
        "Keep it protected" if asked else "Protect",
        lambda actor, name, reason: protect_model(actor=actor, model_name=name, reason=reason),
        refusal=refusal,
    )


def _unprotect(model: ServedModel, actor: Actor) -> ModelAsk:
    asked = UnprotectRequest.objects.filter(model=model).first()
    refusal = "" if model.protected else f"{model.name} is not protected."
    if asked is None:
        title, button = f"Ask to give up the protection of {model.name}?", "Ask for it"
        effect = "Nothing changes until a second administrator agrees; until then swaps wait."
    else:
        title, button = f"Give up the protection of {model.name}?", "Give it up"
        effect = (
            f"{asked.requested_by} asked for it, and you agree: from now on swaps of "
            f"{model.name} begin without the approval of a second person."
        )
        if not is_second_person(actor.people, frozenset(asked.requesters)):
            refusal = "You asked for it yourself: it takes another administrator to agree."
    return ModelAsk(
        "unprotect",
        Action.PROTECT,
        title,
        effect,
        button,
        lambda actor, name, reason: unprotect_model(actor=actor, model_name=name, reason=reason),
        keep="Keep it protected",
        dangerous=asked is not None,
        refusal=refusal,
    )


def _delete(model: ServedModel) -> ModelAsk:
    uses, swaps = uses_of_model(model), SwapOperation.objects.filter(model=model).count()
    noun = "swap" if swaps == 1 else "swaps"
    past = f"The record of its {swaps} {noun} goes with it" if swaps else ""
    return ModelAsk(
        "delete",
        Action.MANAGE_MODELS,
        f"Delete {model.name}?",
        f"Clients that still ask for {model.name} are told that there is no such model. "
        + (f"{past}; the audit log stays." if past else "The audit log stays."),
        "Delete",
        lambda actor, name, reason: delete_model(actor=actor, name=name),
        dangerous=True,
        typed=model.name,
        refusal=f"{model.name} cannot be deleted: {'; '.join(uses)}." if uses else "",
        gone=True,
    )
