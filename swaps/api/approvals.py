"""Protected models: a second person's word on a swap, and protecting a model or giving that up."""

import uuid
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from pydantic import Field, StringConstraints

from swaps.access.roles import Action
from swaps.api.answers import answer, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.repeatable import repeatable
from swaps.api.schemas import Body, CommandBody, Reason
from swaps.commands.models.protection import protect_model, unprotect_model
from swaps.commands.swaps.approvals import approve_swap, reject_swap
from swaps.commands.swaps.requests import find_swap
from swaps.readings.model.models import ModelReading, read_model
from swaps.readings.swap.swaps import SwapReading, read_swap

router = Router(tags=["approvals"])

Digest = Annotated[
    str,
    StringConstraints(pattern=r"^[0-9a-f]{64}$"),
    Field(description="`approval.inputs_digest` of the swap: what the approver has looked at"),
]
_DECIDED = ("swap-not-found", "not-found", "not-possible-now", "still-running")
_PROTECTED = ("model-not-found", "not-possible-now", "still-running")


class ApproveBody(CommandBody):
    inputs_digest: Digest


class RejectBody(Body):
    reason: Annotated[Reason, StringConstraints(min_length=1)]


@router.post(
    "/swaps/{uuid:swap_id}/approve",
    auth=Bearer(Action.APPROVE),
    response={202: SwapReading, **problems(*_DECIDED, "stale", body=True)},
    summary="Approve a protected model's swap",
    description="As a second person: not whoever asked for it, nor by a token that they made. "
    "412 when the swap would do something else than was looked at.",
)
@repeatable()
def approve(request: HttpRequest, swap_id: uuid.UUID, body: ApproveBody) -> HttpResponse:
    approve_swap(
        swap_id,
        actor=actor_of(request),
        inputs_digest=body.inputs_digest,
        reason=body.reason,
    )
    return _decided(request, swap_id)


@router.post(
    "/swaps/{uuid:swap_id}/reject",
    auth=Bearer(Action.APPROVE),
    response={202: SwapReading, **problems(*_DECIDED, body=True)},
    summary="Reject a protected model's swap",
    description="As a second person. The swap ends as Cancelled, and its events say why.",
)
@repeatable()
def reject(request: HttpRequest, swap_id: uuid.UUID, body: RejectBody) -> HttpResponse:
    reject_swap(swap_id, actor=actor_of(request), reason=body.reason)
    return _decided(request, swap_id)


def _decided(request: HttpRequest, swap_id: uuid.UUID) -> HttpResponse:
    actor = actor_of(request)
    return answer(
        read_swap(find_swap(swap_id, seen_by=actor), scope=actor.models),
        status=202,
        location=reverse("api:swap", kwargs={"swap_id": swap_id}),
    )


@router.post(
    "/models/{model}/protect",
    auth=Bearer(Action.PROTECT),
    response={200: ModelReading, **problems(*_PROTECTED, body=True)},
    summary="Protect a model",
    description="Its swaps wait for the approval of a second person, those too that have not "
    "begun; rollbacks do not. Takes a request to give the protection up back.",
)
@repeatable()
def protect(request: HttpRequest, model: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    row = protect_model(actor=actor_of(request), model_name=model, reason=reason)
    return answer(read_model(row.name))


@router.post(
    "/models/{model}/unprotect",
    auth=Bearer(Action.PROTECT),
    response={200: ModelReading, 202: ModelReading, **problems(*_PROTECTED, body=True)},
    summary="Give a model's protection up",
    description="Takes two administrators: the first one's call is a request (202), which "
    "`unprotect_request` of the model shows and `protect` takes back; another one's agrees (200).",
)
@repeatable()
def unprotect(request: HttpRequest, model: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    row = unprotect_model(actor=actor_of(request), model_name=model, reason=reason)
    return answer(read_model(row.name), status=202 if row.protected else 200)
