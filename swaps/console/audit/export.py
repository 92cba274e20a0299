"""The audit log as a file: all entries that match a filter, streamed."""

from datetime import UTC, datetime
from typing import cast

from asgiref.sync import sync_to_async
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from swaps.access.roles import Action
from swaps.access.throttles import TooOften
from swaps.audit.export import CONTENT_TYPES, Form, begin_export
from swaps.console.audit.page import AuditList
from swaps.console.shared.audience import roles_of_sessions
from swaps.console.shared.visitors import actor_of, page_for_readers, visitor_of
from swaps.readings.audit.entries import newest_id
from swaps.readings.audit.stream import stream_audit
from swaps.readings.shared.looks import look


@require_GET
async def export(request: HttpRequest) -> HttpResponseBase:
    turned_away = await sync_to_async(_allowed)(request)
    if turned_away is not None:
        return turned_away
    asked = request.GET.copy()
    form = cast(Form, (asked.pop("format", None) or ["jsonl"])[-1])
    listed = AuditList.of(asked)
    if listed.errors or form not in CONTENT_TYPES:
        return redirect(f"{reverse('audit')}?{listed.address()}")  # which says what is wrong
    wanted = listed.filter()
    actor = await sync_to_async(actor_of)(request)
    try:
        await look(begin_export, actor, wanted, form)
    except TooOften as refusal:
        return await sync_to_async(_held_up)(request, refusal)
    session = request.session.session_key or ""
    entries = stream_audit(
        wanted,
        form,
        scope=None,
        until=await look(newest_id),
        still_allowed=lambda: session in roles_of_sessions([session]),
    )
    name = f"hotswap-audit-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.{form}"
    return StreamingHttpResponse(
        entries,
        content_type=CONTENT_TYPES[form],
        headers={
            "Cache-Control": "no-store",
            "Content-Disposition": f'attachment; filename="{name}"',
        },
    )


def _held_up(request: HttpRequest, refusal: TooOften) -> HttpResponse:
    wait = refusal.retry_after_seconds
    context = {"visitor": visitor_of(request), "refusal": str(refusal), "wait_seconds": wait}
    response = render(request, "console/audit/held_up.html", context, status=429)
    response["Retry-After"] = str(wait)
    return response


@page_for_readers
def _shown(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def _allowed(request: HttpRequest) -> HttpResponse | None:
    """None for who may look; otherwise what any page of the console would answer."""
    answer = _shown(request)
    return None if answer.status_code == 204 and actor_of(request).may(Action.VIEW) else answer
