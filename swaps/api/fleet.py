"""The router and the audit log, to read."""

import uuid

from django.http import HttpRequest, HttpResponse
from ninja import Query as QueryOf
from ninja import Router

from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer
from swaps.api.schemas import Listing, PageQuery, Query
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
    return answer(read_router())
