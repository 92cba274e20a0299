"""Starting a swap: the form, and beside it the plan of what would happen."""

import json
from dataclasses import asdict, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods, require_safe

from swaps.access.roles import Action, Actor
from swaps.commands.errors import InvalidRequest, ModelNotFound, SwapInProgress, SwapRefused
from swaps.commands.repeats import KeptResponse, once
from swaps.commands.swaps.operations import request_activation, request_swap
from swaps.console.shared.forms import send_form
from swaps.console.shared.pages import show
from swaps.console.shared.refusals import Refusal
from swaps.console.shared.swap_fields import CUSTOM
from swaps.console.shared.visitors import actor_of
from swaps.console.swap.staircase import staircase
from swaps.console.swap.start_form import StartSwapForm, new_key
from swaps.domain.commands import Command
from swaps.domain.steps import KINDS
from swaps.models import ModelHost, ServedModel, SwapOperation
from swaps.readings.model.models import ModelReading, read_model
from swaps.readings.swap.plan import SwapPlan, found_versions, plan_swap
from swaps.readings.swap.strategies import offered_strategies

# Beside which field a refusal is shown; those not named here stand above the form.
FIELD_OF_REFUSAL = {
    "version-not-found": "to_version",
    "version-not-active": "from_version",
    "already-active": "from_version",
    "model-not-found": "model",
}
EXAMPLE_STEPS = '[{"setWeight": 10}, {"pause": {"duration": 60}}, {"setWeight": 50}, {"pause": {}}]'
# What the editor of steps knows of each kind.
STEP_KINDS = [
    {
        "kind": kind.kind,
        "key": kind.key,
        "title": kind.title,
        "fields": list(map(asdict, kind.fields)),
    }
    for kind in KINDS
]
FIELDS = {"target_hosts": "hosts"}  # the form's names for those of the command


@require_http_methods(["GET", "HEAD", "POST"])
def start_swap(request: HttpRequest) -> HttpResponse:
    if request.method != "POST":
        # What was typed comes along in the address, when another model is chosen or a link shared.
        return _page(request, StartSwapForm(initial=request.GET))
    form = StartSwapForm(request.POST)
    started = send_form(
        request,
        form,
        lambda: _start(request, form),
        action=Action.SWAP,
        names=tuple(request.POST.get(name) for name in ("model", "from_version", "to_version")),
        place=lambda error, refusal: _place(error, refusal, form),
    )
    if isinstance(started, Refusal):
        return _page(request, form, status=started.status)
    return redirect(started)


@require_safe
def plan(request: HttpRequest) -> HttpResponse:
    """The plan alone, redrawn as somebody types."""
    context = {"plan": _plan(request, StartSwapForm(request.GET)), "oob": True}
    return render(request, "console/swap/start/plan.html", context)


def _start(request: HttpRequest, form: StartSwapForm) -> str:
    """The swap's address. The same form sent again gives the same one.

    Raises SwapRefused, NotAllowed.
    """
    actor = actor_of(request)
    asked = asdict(form.as_request())
    del asked["reverses"]

    def do() -> KeptResponse:
        swap = _request(actor, **asked)
        return KeptResponse(302, reverse("swap", args=[swap.pk]) if swap else "", "")

    key = form.cleaned_data.get("key")
    answer = once(actor, key, {"form": "start a swap"} | asked, do) if key else do()
    if not answer.location:
        raise InvalidRequest("to_version", "this version serves all traffic already")
    return answer.location


def _request(
    actor: Actor, *, model_name: str, from_version: str | None, to_version: str, **options: Any
) -> SwapOperation | None:
    """None: the version serves all traffic already."""
    if from_version is None:
        return request_activation(actor=actor, model_name=model_name, version=to_version, **options)
    return request_swap(
        actor=actor,
        model_name=model_name,
        from_version=from_version,
        to_version=to_version,
        **options,
    )


def _place(error: SwapRefused, refusal: Refusal, form: StartSwapForm) -> Refusal:
    """Beside the field that it is about, and with a link to what is in the way."""
    if isinstance(error, SwapInProgress):
        link = reverse("swap", args=[error.swap_id])
        words = format_html('{} <a href="{}">Show that swap</a>', refusal.words, link)
        return replace(refusal, words=words)
    if refusal.field == "Idempotency-Key":
        again = "This form has started a swap already. Press again to start another one."
        return replace(refusal, words=again)
    field = FIELDS.get(refusal.field, refusal.field) or FIELD_OF_REFUSAL.get(error.code, "")
    if field == "strategy" and form.data.get("strategy") == CUSTOM:
        field = "steps"
    return replace(refusal, field=field)


def _plan(request: HttpRequest, form: StartSwapForm) -> SwapPlan | None:
    """None while too little is chosen."""
    form.is_valid()  # what is not valid is left at its default, and named on submitting
    asked = form.as_request()
    if not asked.model_name or not asked.to_version:
        return None
    if "steps" in form.errors:
        # Said by the plan as well, so that nobody reads the staircase of another strategy.
        asked = replace(asked, strategy={"steps": form["steps"].value()})
    try:
        return plan_swap(asked, actor_of(request))
    except ModelNotFound:
        return None


def _page(request: HttpRequest, form: StartSwapForm, *, status: int = 200) -> HttpResponse:
    actor = actor_of(request)
    models = ServedModel.objects.order_by("name")
    names = [name for name in models.values_list("name", flat=True) if actor.sees(name)]
    chosen = str(form["model"].value() or (names[0] if len(names) == 1 else ""))
    model = read_model(chosen) if chosen in names else None
    serving = _serving(model)
    default = (model.default_strategy or {}).get("name") if model else None
    strategy = str(form["strategy"].value() or default or "all-at-once")
    offered = offered_strategies()
    if strategy not in {one.name for one in offered}:
        strategy = CUSTOM
    values = request.POST if form.is_bound else request.GET
    planned = None
    if actor.may(Action.SWAP) and model is not None:
        asked = values.copy()
        asked.setdefault("model", model.name)
        asked.setdefault("from_version", serving or "")
        asked.setdefault("strategy", strategy)
        if not asked.get("steps"):
            asked["steps"] = EXAMPLE_STEPS  # as the field shows
        planned = _plan(request, StartSwapForm(asked))
    found = found_versions(models.get(name=model.name)) if model else []
    from_version = form["from_version"].value() or serving or ""
    # Whoever waits in the queue starts from what will serve then.
    any_version = form["when_busy"].value() == "queue" or bool(model and model.open_swap)
    context = {
        "form": form,
        "key": new_key() if form.errors or not form.is_bound else form["key"].value(),
        "names": names,
        "chosen": chosen,
        "model": model,
        "serving": serving,
        "found": found,
        "from_versions": [
            one for one in found if any_version or one.weight or one.version == from_version
        ],
        "hosts": _hosts(model, form),
        "from_version": from_version,
        "strategy": strategy,
        "strategies": [
            (one.name, one.description, staircase({"steps": one.steps})) for one in offered
        ],
        "example_steps": EXAMPLE_STEPS,
        "step_kinds": STEP_KINDS,
        "step_kinds_json": json.dumps(STEP_KINDS),
        "may_force": actor.may(Command.FORCE_UNLOAD),
        "plan": planned,
    }
    return show(request, context, status=status)


def _serving(model: ModelReading | None) -> str | None:
    weights = model.route.weights if model else {}
    return next((version for version, percent in weights.items() if percent == 100), None)


def _hosts(model: ModelReading | None, form: StartSwapForm) -> list[tuple[ModelHost, bool]]:
    """Each host, and whether it is chosen: at first those that have the model loaded."""
    chosen = set(form.hosts_given)
    if not chosen and model is not None:
        chosen = {on.host for v in model.versions for on in v.hosts if on.desired == "loaded"}
    hosts = list(ModelHost.objects.order_by("name"))
    return [(host, host.name in chosen or not chosen) for host in hosts]
