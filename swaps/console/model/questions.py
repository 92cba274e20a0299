"""What people may ask of a model, each with its effect in words: to protect it, to delete it."""

from functools import partial

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, Actor
from swaps.commands.models.edits import delete_model
from swaps.commands.models.protection import protect_model, unprotect_model
from swaps.commands.swaps.operations import release_queue
from swaps.commands.swaps.requests import find_model
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.visitors import actor_of
from swaps.domain.approval import is_second_person
from swaps.engine.usage import uses_of_model
from swaps.models import ServedModel, SwapOperation, UnprotectRequest
from swaps.readings.model.models import read_model


@require_http_methods(["GET", "HEAD", "POST"])
def ask_model(request: HttpRequest, name: str, what: str) -> HttpResponse:
    actor = actor_of(request)

    def ask() -> Dialog:
        asked = model_ask(what, find_model(name, seen_by=actor), actor)
        if asked is None:
            raise Http404(f"nobody can ask a model to {what[:40]!r}")
        return asked

    return answer_dialog(request, ask)


def model_ask(what: str, model: ServedModel, actor: Actor) -> Dialog | None:
    """None when nobody can ask for that."""
    match what:
        case "release":
            return _release(model, actor)
        case "protect":
            return _protect(model, actor)
        case "unprotect":
            return _unprotect(model, actor)
        case "delete":
            return _delete(model, actor)
        case _:
            return None


def _about(name: str) -> partial[Dialog]:
    """What all questions about one model have in common."""
    return partial(Dialog, back=reverse("model", args=[name]), names=(name,))


def _release(served: ServedModel, actor: Actor) -> Dialog:
    model = read_model(served.name)
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

    def do(given: QueryDict) -> None:
        release_queue(actor=actor, model_name=model.name, reason=given.get("reason", "").strip())

    return _about(model.name)(
        actions=(Action.RELEASE_QUEUE,),
        title=f"Release the queue of {model.name}?",
        effect=effect,
        button="Release the queue",
        keep="Keep it held",
        do=do,
        refusal=(
            None if model.queue_held_reason else Refusal(f"The queue of {model.name} is not held.")
        ),
    )


def _protect(model: ServedModel, actor: Actor) -> Dialog:
    asked = UnprotectRequest.objects.filter(model=model).first()
    if asked is not None:
        effect = f"The request of {asked.requested_by} to give up the protection is withdrawn."
        title, refusal = f"Keep {model.name} protected?", None
    else:
        effect = (
            "From now on a swap waits until a second person approves it; so do those that have "
            "not begun. A roll back waits for nobody. To give this up takes two administrators."
        )
        title = f"Protect {model.name}?"
        refusal = Refusal(f"{model.name} is protected already.") if model.protected else None

    def do(given: QueryDict) -> None:
        protect_model(actor=actor, model_name=model.name, reason=given.get("reason", "").strip())

    return _about(model.name)(
        actions=(Action.PROTECT,),
        title=title,
        effect=effect,
        button="Keep it protected" if asked else "Protect",
        do=do,
        refusal=refusal,
    )


def _unprotect(model: ServedModel, actor: Actor) -> Dialog:
    asked = UnprotectRequest.objects.filter(model=model).first()
    refusal = None if model.protected else Refusal(f"{model.name} is not protected.")
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
            refusal = Refusal("You asked for it yourself: it takes another administrator to agree.")

    def do(given: QueryDict) -> None:
        unprotect_model(actor=actor, model_name=model.name, reason=given.get("reason", "").strip())

    return _about(model.name)(
        actions=(Action.PROTECT,),
        title=title,
        effect=effect,
        button=button,
        keep="Keep it protected",
        dangerous=asked is not None,
        do=do,
        refusal=refusal,
    )


def _delete(model: ServedModel, actor: Actor) -> Dialog:
    uses, swaps = uses_of_model(model), SwapOperation.objects.filter(model=model).count()
    noun = "swap" if swaps == 1 else "swaps"
    past = f"The record of its {swaps} {noun} goes with it" if swaps else ""

    def do(given: QueryDict) -> Done:
        delete_model(actor=actor, name=model.name)
        return Done(reverse("models"), f"{model.name} is deleted.")

    return _about(model.name)(
        actions=(Action.MANAGE_MODELS,),
        title=f"Delete {model.name}?",
        effect=(
            f"Clients that still ask for {model.name} are told that there is no such model. "
            + (f"{past}; the audit log stays." if past else "The audit log stays.")
        ),
        button="Delete",
        dangerous=True,
        typed=model.name,
        reason_for="",
        do=do,
        refusal=(Refusal(f"{model.name} cannot be deleted: {'; '.join(uses)}.") if uses else None),
    )
