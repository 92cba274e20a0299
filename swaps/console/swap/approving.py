"""Approving or rejecting a protected model's swap, as a dialog that shows what it froze."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from swaps.access.roles import Action, Actor, NotAllowed
from swaps.commands.swaps.approvals import approve_swap, reject_swap, require_second_person
from swaps.commands.swaps.requests import find_swap
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.refusals import Refusal, refusal_of
from swaps.console.shared.visitors import actor_of
from swaps.console.swap.inputs import shown_inputs
from swaps.models import SwapOperation
from swaps.readings.swap.approvals import ApprovalReading, read_approval

APPROVE, REJECT = "approve", "reject"


@require_http_methods(["GET", "HEAD", "POST"])
def decide(request: HttpRequest, swap_id: uuid.UUID, verdict: str) -> HttpResponse:
    return answer_dialog(request, lambda: _dialog(actor_of(request), swap_id, verdict))


def _dialog(actor: Actor, swap_id: uuid.UUID, verdict: str) -> Dialog:
    swap = find_swap(swap_id, seen_by=actor)
    approval = read_approval(swap)
    if approval is None:
        raise Http404(f"{swap} needs no approval")
    approves, here = verdict == APPROVE, reverse("swap", args=[swap_id])

    def do(given: QueryDict) -> Done:
        reason = given.get("reason", "").strip()
        if approves:
            digest = given.get("inputs_digest", "")
            approve_swap(swap_id, actor=actor, inputs_digest=digest, reason=reason)
        else:
            reject_swap(swap_id, actor=actor, reason=reason)
        return Done(here)

    return Dialog(
        actions=(Action.APPROVE,),
        title="Approve this swap?" if approves else "Reject this swap?",
        subject=f"{swap.model.name} {swap.from_version or 'nothing'} → {swap.to_version}",
        about=format_html("asked for by <b>{}</b>", approval.asked_by),
        effect=(
            "Your approval is for just what stands here and for nothing else. The swap begins "
            "when its turn comes."
            if approves
            else f"The swap ends as Cancelled; {swap.from_version or 'no version'} keeps serving."
        ),
        key="",  # an approval names the digest of what was read
        button="Approve" if approves else "Reject",
        keep="Decide later",
        dangerous=not approves,
        reason_for="for the timeline and the audit log",
        reason_required=not approves,
        fields="console/swap/approval/asked.html",
        shown={"approval": approval, "inputs": shown_inputs(approval.inputs)},
        do=do,
        back=here,
        names=(swap.model.name,),
        refusal=_why_not(actor, swap, approval),
    )


def _why_not(actor: Actor, swap: SwapOperation, approval: ApprovalReading) -> Refusal | None:
    if approval.status != "waiting":
        return Refusal(f"It waits for nobody's word: {approval.status}.")
    try:
        require_second_person(actor, swap)
    except NotAllowed as refused:
        return refusal_of(refused, actor.name, swap.model.name)
    return None
