"""The pages to look at: a reading, a template, nothing decided."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from swaps.access.roles import role_of
from swaps.console.live_swap import look_at_swap, swap_context
from swaps.console.visitors import context_of, page
from swaps.models import ServedModel
from swaps.readings.models import read_model, read_models
from swaps.readings.swaps import SwapReading, open_swaps, read_swaps

HISTORY_SHOWN = 20
AUDIT_SHOWN = 100
MODELS_SHOWN = 200


@require_safe
@page
def overview(request: HttpRequest) -> HttpResponse:
    """All models: what serves, what is being swapped, what waits for a person."""
    models = read_models(limit=MODELS_SHOWN).items
    running: dict[str, SwapReading] = {}
    unended = open_swaps()
    for swap in unended:
        if not swap.queued:
            running[swap.model_name] = swap
    rows = [(model, running.get(model.name)) for model in models]
    history = read_swaps(limit=HISTORY_SHOWN).items
    context = {
        "rows": rows,
        "running": list(running.values()),
        "waits_for_approval": [
            one for one in unended if one.approval and one.approval.status == "waiting"
        ],
        "history": history,
    }
    return render(request, "console/overview.html", context_of(request, "overview") | context)


@require_safe
@page
def model(request: HttpRequest, name: str) -> HttpResponse:
    """One model: its versions and where they are, its queue, its past swaps."""
    try:
        reading = read_model(name)
    except ServedModel.DoesNotExist:
        raise Http404(f"no model {name!r} is registered") from None
    history = read_swaps(model=name, limit=HISTORY_SHOWN).items
    open_swap = next((swap for swap in history if swap.id == reading.open_swap), None)
    context = {"model": reading, "history": history, "open_swap": open_swap}
    return render(request, "console/model.html", context_of(request, "model") | context)


@require_safe
@page
def swap(request: HttpRequest, swap_id: uuid.UUID) -> HttpResponse:
    """A swap, live. Without script or websocket this is its state at the time of loading."""
    live = look_at_swap(swap_id)
    if live is None:
        raise Http404(f"no swap has the id {swap_id}")
    context = context_of(request, "swap") | swap_context(live, role_of(request.user))
    return render(request, "console/swap.html", context)
