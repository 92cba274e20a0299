"""Putting a model's first version in service: which, on which hosts, and what will happen."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import InvalidRequest, ModelNotFound, SwapRefused
from swaps.commands.swaps.operations import request_activation
from swaps.commands.swaps.requests import find_model
from swaps.console.shared.dialogs import DialogRefusal, show_dialog
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.visitors import actor_of, context_of, page
from swaps.models import Route, ServedModel
from swaps.readings.host.found_versions import find_versions


@require_http_methods(["GET", "HEAD", "POST"])
@page
def activate(request: HttpRequest, name: str) -> HttpResponse:
    actor = actor_of(request)
    try:
        model = find_model(name, seen_by=actor)
    except ModelNotFound as refused:
        raise Http404(str(refused)) from refused
    if request.method != "POST":
        return _page(request, model, _why_not(request, model))
    version = request.POST.get("version", "").strip()
    if not version and actor.may(Action.ACTIVATE, name):
        return _page(request, model, DialogRefusal("Choose the version.", 422, "version"))
    try:
        swap = request_activation(
            actor=actor,
            model_name=name,
            version=version,
            target_hosts=request.POST.getlist("hosts") or None,
            reason=request.POST.get("reason", "").strip(),
        )
    except NotAllowed as refused:
        return _page(request, model, DialogRefusal(sentence(refused, actor.name), 403))
    except InvalidRequest as refused:
        field = {"target_hosts": "hosts", "to_version": "version"}.get(refused.field, "")
        return _page(request, model, DialogRefusal(sentence(refused, name, version), 422, field))
    except SwapRefused as refused:
        return _page(request, model, DialogRefusal(sentence(refused, name, version), 409))
    address = reverse("swap", args=[swap.pk]) if swap else reverse("model", args=[name])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _why_not(request: HttpRequest, model: ServedModel) -> DialogRefusal | None:
    """Said before anybody chooses."""
    actor = actor_of(request)
    try:
        actor.require(Action.ACTIVATE, model.name)
    except NotAllowed as refused:
        return DialogRefusal(sentence(refused, actor.name), 403)
    route = Route.objects.filter(model=model).first()
    if route is not None and route.weights:
        serving = ", ".join(sorted(route.weights))
        words = f"{serving} serves {model.name} already: a new version comes by a swap from it."
        return DialogRefusal(words, 409)
    return None


def _page(request: HttpRequest, model: ServedModel, refused: DialogRefusal | None) -> HttpResponse:
    """As a page, and for htmx as the inside of a dialog."""
    allowed = actor_of(request).may(Action.ACTIVATE, model.name)
    found = find_versions(model.name) if allowed else None
    chosen = request.POST.get("version", "") or request.GET.get("version", "")
    if not chosen and found is not None:
        # One that serves already is taken over without a load; what else is there to put in
        # service, a person says: nobody gets a version that they did not choose.
        serving = [one for one in found.versions if one.serves_somewhere]
        only = serving or found.versions
        chosen = only[0].version if len(only) == 1 else ""
    hosts = request.POST.getlist("hosts")
    context = context_of(request, "model") | {
        "model": model,
        "found": found,
        "chosen": chosen,
        "hosts": [(host, host in hosts or not hosts) for host in (found.hosts if found else [])],
        "given": request.POST,
        "allowed": allowed and (refused is None or request.method == "POST"),
    }
    return show_dialog(
        request,
        context,
        refused,
        inside="console/model/activate.html",
        alone="console/model/activate_page.html",
    )
