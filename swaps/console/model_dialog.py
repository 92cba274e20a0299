"""Something asked of a model: GET names the effect and asks for confirmation, POST does it.

Works as a page of its own and, for htmx, as the inside of a dialog.
"""

from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import NotAllowed
from swaps.console.dialogs import show_dialog
from swaps.console.model_asks import ModelAsk, model_ask
from swaps.console.page_behind import page_behind
from swaps.console.refusal_words import sentence
from swaps.console.visitors import actor_of, context_of, page
from swaps.engine.errors import ModelNotFound, SwapRefused
from swaps.engine.requests import find_model
from swaps.models import ServedModel


@dataclass(frozen=True, slots=True)
class Refused:
    words: str
    status: int = 409


@require_http_methods(["GET", "HEAD", "POST"])
@page
def ask_model(request: HttpRequest, name: str, what: str) -> HttpResponse:
    actor = actor_of(request)
    try:
        model = find_model(name, seen_by=actor)
    except ModelNotFound as refused:
        raise Http404(str(refused)) from refused
    asked = model_ask(what, model, actor)
    if asked is None:
        raise Http404(f"nobody can ask a model to {what[:40]!r}")
    if request.method != "POST":
        return _dialog(request, model, asked, _why_not(request, asked, name))
    trouble = _do(request, asked, name)
    if trouble is not None:
        again = ServedModel.objects.filter(pk=model.pk).first()
        if again is None:
            raise Http404(f"model {name!r} was just deleted")
        return _dialog(request, again, model_ask(what, again, actor) or asked, trouble)
    return _shown(request, asked, name)


def _why_not(request: HttpRequest, asked: ModelAsk, name: str) -> Refused | None:
    """Said before anybody types a reason."""
    actor = actor_of(request)
    try:
        actor.require(asked.action, name)
    except NotAllowed as refused:
        return Refused(sentence(refused, actor.name), 403)
    return Refused(asked.refusal) if asked.refusal else None


def _do(request: HttpRequest, asked: ModelAsk, name: str) -> Refused | None:
    """None when it is done."""
    actor, given = actor_of(request), request.POST
    # Whoever may not is refused by the engine itself, which also audits it.
    if actor.may(asked.action, name):
        if given.get("effect") != asked.effect_key:
            return Refused(
                "Something changed since you read this, and it would do something else now. "
                "Nothing was done: read what it does."
            )
        if asked.typed and given.get("typed", "").strip() != asked.typed:
            return Refused(f"Type {asked.typed} to confirm.", 422)
    try:
        asked.do(actor, name, given.get("reason", "").strip())
    except NotAllowed as refused:
        return Refused(sentence(refused, actor.name, name), 403)
    except SwapRefused as refused:
        return Refused(sentence(refused, actor.name, name))
    return None


def _shown(request: HttpRequest, asked: ModelAsk, name: str) -> HttpResponse:
    address = reverse("models") if asked.gone else reverse("model", args=[name])
    if asked.gone:
        messages.success(request, f"{name} is deleted.")
    if not request.headers.get("HX-Request"):
        return redirect(address)
    if asked.gone:
        return HttpResponse(headers={"HX-Redirect": address})
    return page_behind(request, otherwise=address)


def _dialog(
    request: HttpRequest, model: ServedModel, asked: ModelAsk, refused: Refused | None
) -> HttpResponse:
    context = context_of(request, "model") | {
        "model": model,
        "asked": asked,
        "refusal": refused,
        "given": request.POST,
        "allowed": not asked.refusal and (refused is None or refused.status != 403),
    }
    return show_dialog(
        request,
        context,
        inside="console/model/ask.html",
        alone="console/model/ask_page.html",
        status=refused.status if refused else 200,
    )
