"""Registering a model, and changing what its swaps begin with: one form for both."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import InvalidRequest, SwapRefused
from swaps.commands.models.edits import update_model
from swaps.commands.registration import register_model
from swaps.console.model.form import ModelForm, defaults, shown
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.swap_fields import CUSTOM
from swaps.console.shared.visitors import actor_of, context_of, page
from swaps.console.swap.staircase import staircase
from swaps.console.swap.start import EXAMPLE_STEPS
from swaps.domain.names import name_problem
from swaps.models import ServedModel
from swaps.readings.host.found_versions import find_versions
from swaps.readings.model.models import ModelReading, read_model
from swaps.readings.swap.strategies import offered_strategies


@require_http_methods(["GET", "HEAD", "POST"])
@page
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

    status = _carried_out(request, form, register)
    if status:
        return _page(request, form, name=request.POST.get("name", ""), status=status)
    # The next thing to do is to put its first version in service.
    return redirect("activate", form.cleaned_data["name"])


@require_http_methods(["GET", "HEAD", "POST"])
@page
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

    status = _carried_out(request, form, update)
    if status:
        return _page(request, form, model=model, status=status)
    return redirect("model", name)


@require_safe
@page
def found(request: HttpRequest) -> HttpResponse:
    """What the hosts have of a name, as somebody types it."""
    if not actor_of(request).may(Action.MANAGE_MODELS):
        return HttpResponse("Hosts are asked by those who may register models.", status=403)
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


def _carried_out(request: HttpRequest, form: ModelForm, do: Callable[[], object]) -> int:
    """0 when it is done; otherwise the form has the reason, and this is the status."""
    actor = actor_of(request)
    if not form.is_valid() and actor.may(Action.MANAGE_MODELS):
        return 422
    try:
        # Whoever may not is refused by the engine, whatever they typed, which also audits it.
        do()
    except NotAllowed as refused:
        form.add_error(None, sentence(refused, actor.name))
        return 403
    except InvalidRequest as refused:
        words = sentence(refused, form.cleaned_data.get("name"))
        field = refused.field
        if field == "default_strategy" and form.data.get("default_strategy") == CUSTOM:
            field = "steps"
        form.add_error(field if field in form.fields else None, words)
        return 422
    except SwapRefused as refused:
        form.add_error(None, sentence(refused, form.cleaned_data.get("name")))
        return 409
    return 0


def _page(
    request: HttpRequest,
    form: ModelForm,
    *,
    model: ModelReading | None = None,
    name: str = "",
    status: int = 200,
) -> HttpResponse:
    allowed = actor_of(request).may(Action.MANAGE_MODELS)
    strategy = str(form["default_strategy"].value() or "all-at-once")
    context = context_of(request, "model") | {
        "form": form,
        "model": model,
        "allowed": allowed,
        "strategy": strategy,
        "strategies": [
            (one.name, one.description, staircase({"steps": one.steps}))
            for one in offered_strategies()
        ],
        "example_steps": EXAMPLE_STEPS,
        "found": find_versions(name) if name and allowed and model is None else None,
        "name": name,
    }
    status = status if allowed or status != 200 else 403
    return render(request, "console/model/form.html", context, status=status)
