"""The router's nodes, and the audit log."""

import uuid

from django.http import HttpRequest, HttpResponse
from ninja import Query as QueryOf
from ninja import Router

from swaps.access.roles import Action
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.repeatable import repeatable
from swaps.api.schemas import CommandBody, Listing, PageQuery, Query
from swaps.engine.nodes import retire_node
from swaps.readings.audit import AuditReading, read_audit
from swaps.readings.router import RouterReading, read_router

router = Router(tags=["fleet"])


class AuditQuery(PageQuery):
    actor: Query | None = None
    action: Query | None = None
    object_name: Query | None = None
    swap: uuid.UUID | None = None


@router.get(
    "/audit",
    auth=Bearer(),
    response={200: Listing[AuditReading], **problems(422)},
    summary="Who did what, or was refused, the newest first",
)
def list_audit(request: HttpRequest, query: QueryOf[AuditQuery]) -> HttpResponse:
    return answer_page(request, read_audit(**query.dict()))


@router.get(
    "/router",
    auth=Bearer(),
    response={200: RouterReading, **problems()},
    summary="Nodes, their incarnations, and what each has applied",
)
def show_router(request: HttpRequest) -> HttpResponse:
    return answer(read_router(scope=actor_of(request).models))


@router.post(
    "/router/nodes/{nonce}/retire",
    auth=Bearer(Action.RETIRE_NODE),
    response={200: RouterReading, **problems(400, 404, 409, 422)},
    summary="Vouch that a node has ended",
    description="Of one that is away, so that no drain waits for it. `nonce` is that of its "
    "incarnation, from `GET router`.",
)
@repeatable()
def retire(request: HttpRequest, nonce: str, body: CommandBody | None = None) -> HttpResponse:
    reason = (body or CommandBody()).reason
    retire_node(actor=actor_of(request), nonce=nonce, reason=reason)
    return answer(read_router())
