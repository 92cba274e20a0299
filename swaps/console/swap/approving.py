"""Approving or rejecting a protected model's swap: GET shows what it froze, POST decides."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import InvalidRequest, SwapNotFound, SwapRefused
from swaps.commands.swaps.approvals import approve_swap, reject_swap, require_second_person
from swaps.commands.swaps.requests import find_swap
from swaps.console.shared.dialogs import DialogRefusal, show_dialog
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.visitors import actor_of, context_of, page
from swaps.console.swap.inputs import shown_inputs
from swaps.models import SwapOperation
from swaps.readings.swap.approvals import read_approval

APPROVE, REJECT = "approve", "reject"


@require_http_methods(["GET", "HEAD", "POST"])
@page
def decide(request: HttpRequest, swap_id: uuid.UUID, verdict: str) -> HttpResponse:
    actor = actor_of(request)
    try:
        swap = find_swap(swap_id, seen_by=actor)
        if request.method != "POST":
            return _dialog(request, swap, verdict, _why_not(request, swap))
        reason = request.POST.get("reason", "").strip()
        if verdict == APPROVE:
            approve_swap(
                swap_id,
                actor=actor,
                inputs_digest=request.POST.get("inputs_digest", ""),
                reason=reason,
            )
        else:
            reject_swap(swap_id, actor=actor, reason=reason)
    except SwapNotFound as refused:
        raise Http404(str(refused)) from refused
    except (NotAllowed, SwapRefused) as refused:
        statuses: dict[type[Exception], int] = {NotAllowed: 403, InvalidRequest: 422}
        words = sentence(refused, actor.name, swap.model.name)
        return _dialog(
            request, swap, verdict, DialogRefusal(words, statuses.get(type(refused), 409))
        )
    address = reverse("swap", args=[swap_id])
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address)


def _why_not(request: HttpRequest, swap: SwapOperation) -> DialogRefusal | None:
    """Said before anybody types a reason."""
    actor = actor_of(request)
    try:
        actor.require(Action.APPROVE, swap.model.name)
        require_second_person(actor, swap)
    except NotAllowed as refused:
        return DialogRefusal(sentence(refused, actor.name, swap.model.name), 403)
    return None


def _dialog(
    request: HttpRequest, swap: SwapOperation, verdict: str, refusal: DialogRefusal | None
) -> HttpResponse:
    swap.refresh_from_db()
    approval = read_approval(swap)
    if approval is None:
        raise Http404(f"{swap} needs no approval")
    context = context_of(request, "swap") | {
        "swap": swap,
        "approval": approval,
        "inputs": shown_inputs(approval.inputs),
        "verdict": verdict,
        "given": request.POST,
        "allowed": approval.status == "waiting" and (refusal is None or refusal.status != 403),
    }
    return show_dialog(
        request,
        context,
        refusal,
        inside="console/swap/approval/dialog.html",
        alone="console/swap/approval/page.html",
    )
