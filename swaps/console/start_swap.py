"""Starting a swap: the form, and the plan it draws of each strategy."""

from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, NotAllowed
from swaps.console.refusal_words import sentence
from swaps.console.staircase import staircase
from swaps.console.visitors import actor_of, context_of, page
from swaps.engine.commands import request_activation, request_swap
from swaps.engine.errors import InvalidRequest, SwapInProgress, SwapRefused
from swaps.engine.requests import LONGEST_SECONDS
from swaps.models import ServedModel, SwapOperation
from swaps.readings.models import ModelReading, read_model
from swaps.readings.strategies import offered_strategies

# Beside which field a refusal is shown; those not named here stand above the form.
FIELD_OF_REFUSAL = {
    "version-not-found": "to_version",
    "version-not-active": "from_version",
    "already-active": "from_version",
    "model-not-found": "model",
}


class StartSwapForm(forms.Form):
    """Versions are texts here: which of them exist, and serve, is the engine's to say."""

    model = forms.CharField(max_length=63)
    from_version = forms.CharField(max_length=63, required=False)
    to_version = forms.CharField(
        max_length=63, error_messages={"required": "Choose the version to swap to."}
    )
    strategy = forms.CharField(max_length=63)
    drain_timeout_seconds = forms.IntegerField(
        min_value=0,
        max_value=LONGEST_SECONDS,
        required=False,
        error_messages={"invalid": "Enter a whole number of seconds."},
    )
    reason = forms.CharField(max_length=500, required=False, strip=True)


@dataclass(frozen=True, slots=True)
class VersionChoice:
    version: str
    where: str  # "ready on alpha, available on beta"
    weight: int


@require_http_methods(["GET", "HEAD", "POST"])
@page
def start_swap(request: HttpRequest) -> HttpResponse:
    actor = actor_of(request)
    if request.method == "POST":
        form = StartSwapForm(request.POST)
        if form.is_valid():
            try:
                swap = _request(request, form.cleaned_data)
            except NotAllowed as refused:
                form.add_error(None, sentence(refused, actor.name))
                return _page(request, form, status=403)
            except SwapRefused as refused:
                _show(refused, form)
            else:
                if swap is not None:
                    return redirect("swap", swap.pk)
                form.add_error("to_version", "This version serves all traffic already.")
        return _page(request, form, status=422 if actor.may(Action.SWAP) else 403)
    status = 200 if actor.may(Action.SWAP) else 403
    # What was typed comes along in the address when another model is chosen.
    return _page(request, StartSwapForm(initial=request.GET.dict()), status=status)


def _request(request: HttpRequest, given: dict[str, Any]) -> SwapOperation | None:
    """None: the version serves all traffic already. Raises SwapRefused, NotAllowed."""
    options = {
        "strategy": given["strategy"],
        "drain_timeout_seconds": given["drain_timeout_seconds"],
        "reason": given["reason"],
    }
    actor = actor_of(request)
    if not given["from_version"]:
        return request_activation(
            actor=actor, model_name=given["model"], version=given["to_version"], **options
        )
    return request_swap(
        actor=actor,
        model_name=given["model"],
        from_version=given["from_version"],
        to_version=given["to_version"],
        **options,
    )


def _show(refused: SwapRefused, form: StartSwapForm) -> None:
    given = form.cleaned_data
    words = sentence(refused, given["model"], given["from_version"], given["to_version"])
    if isinstance(refused, SwapInProgress):
        link = reverse("swap", args=[refused.swap_id])
        form.add_error(None, format_html('{} <a href="{}">Show that swap</a>', words, link))
        return
    field = FIELD_OF_REFUSAL.get(refused.code)
    if isinstance(refused, InvalidRequest):
        field = refused.field
    form.add_error(field if field in form.fields else None, words)


def _page(request: HttpRequest, form: StartSwapForm, *, status: int) -> HttpResponse:
    names = list(ServedModel.objects.order_by("name").values_list("name", flat=True))
    chosen = str(form["model"].value() or (names[0] if len(names) == 1 else ""))
    model = read_model(chosen) if chosen in names else None
    serving = _serving(model)
    default = (model.default_strategy or {}).get("name") if model else None
    context = {
        "form": form,
        "names": names,
        "chosen": chosen,
        "model": model,
        "serving": serving,
        "choices": _choices(model),
        "from_version": form["from_version"].value() or serving or "",
        "strategy": form["strategy"].value() or default or "all-at-once",
        "strategies": [
            (offered.name, offered.description, staircase({"steps": offered.steps}))
            for offered in offered_strategies()
        ],
        "allowed": actor_of(request).may(Action.SWAP),
    }
    context = context_of(request, "start") | context
    return render(request, "console/start_swap.html", context, status=status)


def _serving(model: ModelReading | None) -> str | None:
    weights = model.route.weights if model else {}
    return next((version for version, percent in weights.items() if percent == 100), None)


def _choices(model: ModelReading | None) -> list[VersionChoice]:
    if model is None:
        return []
    return [
        VersionChoice(
            version=version.version,
            where=", ".join(f"{on.status} on {on.host}" for on in version.hosts),
            weight=version.weight,
        )
        for version in model.versions
    ]
