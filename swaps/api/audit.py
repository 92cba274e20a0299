"""The audit log: pages of it, one entry with its proof, all of it as a file."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from ninja import Query as QueryOf
from ninja import Router
from pydantic import Field

from swaps.access.roles import Action
from swaps.access.tokens import actor_for_token
from swaps.api.answers import answer, answer_page, problems
from swaps.api.bearer import Bearer, actor_of, token_of
from swaps.api.looks import WaitingBearer
from swaps.api.problems import NotFound
from swaps.api.schemas import Listing, PageQuery
from swaps.audit.export import CONTENT_TYPES, begin_export
from swaps.audit.filters import AuditFilter, require_known
from swaps.models import AuditEntry
from swaps.readings.audit.entries import (
    AuditReading,
    ProvenEntry,
    newest_id,
    read_audit,
    read_entry,
)
from swaps.readings.audit.stream import stream_audit
from swaps.readings.shared.looks import look

router = Router(tags=["audit"])

LARGEST_ID = 2**63 - 1


class AuditQuery(PageQuery, AuditFilter):
    pass


class ExportQuery(AuditFilter):
    format: Annotated[
        Literal["csv", "jsonl"],
        Field(description="csv for spreadsheets, where no cell is a formula; or JSON Lines"),
    ] = "jsonl"


@router.get(
    "/audit",
    auth=Bearer(),
    response={200: Listing[AuditReading], **problems("invalid-request")},
    summary="Who did what, or was refused",
    description="The newest first; a page stays what it was however many entries come meanwhile.",
)
def list_audit(request: HttpRequest, query: QueryOf[AuditQuery]) -> HttpResponse:
    page = read_audit(query, scope=actor_of(request).models, cursor=query.cursor, limit=query.limit)
    return answer_page(request, page)


@router.get(
    "/audit/export",
    auth=WaitingBearer(),
    response={200: str, **problems("invalid-request")},
    summary="All entries that match, as a file",
    description="The oldest first, streamed: as long as it takes, whatever its size. What breaks "
    "off in the middle was not complete. The export itself is in the audit log.",
    openapi_extra={
        "responses": {
            200: {
                "content": {
                    kind.partition(";")[0]: {"schema": {"type": "string"}}
                    for kind in CONTENT_TYPES.values()
                }
            }
        }
    },
)
async def export_audit(request: HttpRequest, query: QueryOf[ExportQuery]) -> StreamingHttpResponse:
    require_known(request.GET.keys() - {"format"})
    actor, token = actor_of(request), token_of(request)
    await look(begin_export, actor, query, query.format)
    until = await look(newest_id)

    def still_allowed() -> bool:
        now = actor_for_token(token)
        return now is not None and now.may(Action.VIEW) and now.models == actor.models

    entries = stream_audit(
        query, query.format, scope=actor.models, until=until, still_allowed=still_allowed
    )
    name = f"hotswap-audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{query.format}"
    return StreamingHttpResponse(
        entries,
        content_type=CONTENT_TYPES[query.format],
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


@router.get(
    "/audit/{int:entry_id}",
    auth=Bearer(),
    response={200: ProvenEntry, **problems("audit-entry-not-found", "not-found")},
    summary="One entry, with what proves it",
    description="Its signature, and its place in the sealed chain.",
)
def show_entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    try:
        if entry_id <= LARGEST_ID:
            return answer(read_entry(entry_id, scope=actor_of(request).models))
    except AuditEntry.DoesNotExist:
        pass
    raise NotFound("audit-entry-not-found", f"no audit entry has the id {entry_id}")
