"""Registering a model, and changing what its swaps begin with: one form for both."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from swaps.access.roles import Action
from swaps.commands.models.edits import update_model
from swaps.commands.registration import register_model
from swaps.console.model.form import ModelForm, defaults, shown
from swaps.console.shared.forms import send_form
from swaps.console.shared.pages import show
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.swap_fields import CUSTOM
from swaps.console.shared.visitors import actor_of
from swaps.console.swap.staircase import staircase
from swaps.console.swap.start import EXAMPLE_STEPS
from swaps.domain.names import name_problem
from swaps.models import ServedModel
from swaps.readings.host.found_versions import find_versions
from swaps.readings.model.models import ModelReading, read_model
from swaps.readings.swap.strategies import offered_strategies


@require_http_methods(["GET", "HEAD", "POST"])
def new_model(request: HttpRequest) -> HttpResponse:
    """What was typed comes along in the address, when a link is shared."""
    if request.method != "POST":
        given = request.GET.dict()
        return _page(request, ModelForm(initial=defaults() | given), name=given.get("name", ""))
    form = ModelForm(request.POST)

    def register() -> ServedModel:
        values = form.values
        if form.cleaned_data.get("protected"):
            values["protected"] = True
        name = form.cleaned_data.get("name", "")
        return register_model(actor=actor_of(request), name=name, **values)

    registered = _send(request, form, register)
    if isinstance(registered, Refusal):
        name = request.POST.get("name", "")
        return _page(request, form, name=name, status=registered.status)
    # The next thing to do is to put its first version in service.
    return redirect("activate", registered.name)


@require_http_methods(["GET", "HEAD", "POST"])
def edit_model(request: HttpRequest, name: str) -> HttpResponse:
    model = _find(name)
    named = frozenset(one.name for one in offered_strategies())
    if request.method != "POST":
        return _page(request, ModelForm(initial=shown(model, named)), model=model)
    given = request.POST.copy()
    given["name"] = name
    form = ModelForm(given)

    def update() -> ServedModel:
        return update_model(
            actor=actor_of(request),
            name=name,
            if_match=form.cleaned_data.get("if_match") or None,
            **form.values,
        )

    updated = _send(request, form, update)
    if isinstance(updated, Refusal):
        return _page(request, form, model=model, status=updated.status)
    return redirect("model", name)


@require_safe
def found(request: HttpRequest) -> HttpResponse:
    """What the hosts have of a name, as somebody types it."""
    name = request.GET.get("name", "").strip()
    context = {"found": find_versions(name) if name else None, "name": name}
    return render(request, "console/model/found.html", context)


def _find(name: str) -> ModelReading:
    try:
        if name_problem(name, of="model") is None:
            return read_model(name)
    except ServedModel.DoesNotExist:
        pass
    raise Http404(f"no model {name!r} is registered")


def _send(
    request: HttpRequest, form: ModelForm, do: Callable[[], ServedModel]
) -> ServedModel | Refusal:
    own = form.data.get("default_strategy") == CUSTOM
    return send_form(
        request,
        form,
        do,
        action=Action.MANAGE_MODELS,
        names=(form.data.get("name"),),
        fields={"default_strategy": "steps"} if own else {},
    )


def _page(
    request: HttpRequest,
    form: ModelForm,
    *,
    model: ModelReading | None = None,
    name: str = "",
    status: int = 200,
) -> HttpResponse:
    asks_hosts = bool(name) and model is None and actor_of(request).may(Action.MANAGE_MODELS)
    strategy = str(form["default_strategy"].value() or "all-at-once")
    context = {
        "form": form,
        "model": model,
        "strategy": strategy,
        "strategies": [
            (one.name, one.description, staircase({"steps": one.steps}))
            for one in offered_strategies()
        ],
        "example_steps": EXAMPLE_STEPS,
        "found": find_versions(name) if asks_hosts else None,
        "name": name,
    }
    return show(request, context, status=status)
