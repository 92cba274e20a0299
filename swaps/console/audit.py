"""The audit log's pages: its entries by filters that are in the address, one entry, and files."""

import shlex
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from asgiref.sync import sync_to_async
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_safe

from swaps.access.roles import Action
from swaps.access.throttles import TooOften
from swaps.audit.export import CONTENT_TYPES, Form, begin_export
from swaps.audit.filters import FIELDS, AuditFilter, FilterInvalid
from swaps.console.audience import roles_of_sessions
from swaps.console.audit_form import fields_of
from swaps.console.changes import changes
from swaps.console.visitors import actor_of, context_of, page
from swaps.models import AuditEntry
from swaps.readings.audit import count_newer, newest_id, read_audit, read_entry
from swaps.readings.audit_stream import stream_audit
from swaps.readings.looks import look
from swaps.readings.pages import CursorInvalid

SHOWN = 50
NEWER_COUNTED = 100  # beyond it the page says "more than"
LARGEST_ID = 2**63 - 1
# Where the command line calls a filter otherwise.
_OPTIONS = {"object_name": "object"}


@require_safe
@page
def audit(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first. What cannot be meant is said beside its field."""
    asked = _asked(request)
    context = context_of(request, "audit") | {
        "narrowed": asked,
        "query": _address(asked),
        "command": _command(asked),
    }
    try:
        wanted = AuditFilter.of(asked)
        entries = read_audit(wanted, cursor=request.GET.get("cursor"), limit=SHOWN)
    except FilterInvalid as problem:
        unknown = {name: why for name, why in problem.errors.items() if name not in FIELDS}
        context |= {"fields": fields_of(asked, problem.errors), "unknown": unknown}
        return render(request, "console/audit/list.html", context, status=422)
    except CursorInvalid as problem:
        raise Http404(str(problem)) from problem
    context |= {
        "fields": fields_of(asked, {}),
        "entries": entries,
        "older": _address(asked, cursor=entries.cursor) if entries.cursor else "",
        "follows": "cursor" not in request.GET,
        "newest": newest_id(),
    }
    return render(request, "console/audit/list.html", context)


@require_safe
@page
def newer(request: HttpRequest) -> HttpResponse:
    """How many entries came since the page was made: a bar, so that nothing jumps."""
    asked = _asked(request)
    after = request.GET.get("after", "")
    if not after.isdecimal() or int(after) > LARGEST_ID:
        raise Http404("after which entry?")
    asked.pop("after", None)
    try:
        count = count_newer(AuditFilter.of(asked), than=int(after), at_most=NEWER_COUNTED)
    except FilterInvalid as problem:
        raise Http404(str(problem)) from problem
    context = {"count": count, "newest": after, "query": _address(asked), "most": NEWER_COUNTED}
    return render(request, "console/audit/newer.html", context)


@require_safe
@page
def entry(request: HttpRequest, entry_id: int) -> HttpResponse:
    """One entry: what was before and after, and what proves it."""
    try:
        if entry_id > LARGEST_ID:
            raise AuditEntry.DoesNotExist
        found = read_entry(entry_id)
    except AuditEntry.DoesNotExist:
        raise Http404(f"no audit entry has the id {entry_id}") from None
    context = {"entry": found, "changes": changes(found.before, found.after)}
    return render(request, "console/audit/entry.html", context_of(request, "audit") | context)


@require_GET
async def export(request: HttpRequest) -> HttpResponseBase:
    """All that matches, as a file, streamed."""
    turned_away = await sync_to_async(_allowed)(request)
    if turned_away is not None:
        return turned_away
    asked = _asked(request)
    form = asked.pop("format", "jsonl")
    try:
        if form not in CONTENT_TYPES:
            raise FilterInvalid({"format": "csv or jsonl"})
        wanted = AuditFilter.of(asked)
    except FilterInvalid:
        return redirect(f"{reverse('audit')}?{_address(asked)}")  # which says what is wrong
    form = cast(Form, form)
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
    context = context_of(request, "audit") | {"refusal": str(refusal), "wait_seconds": wait}
    response = render(request, "console/audit/held_up.html", context, status=429)
    response["Retry-After"] = str(wait)
    return response


@page
def _shown(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=204)


def _allowed(request: HttpRequest) -> HttpResponse | None:
    """None for who may look; otherwise what any page of the console would answer."""
    answer = _shown(request)
    return None if answer.status_code == 204 and actor_of(request).may(Action.VIEW) else answer


def _asked(request: HttpRequest) -> dict[str, str]:
    given = {name: str(value) for name, value in request.GET.items()}
    given.pop("cursor", None)
    return {name: value for name, value in given.items() if value.strip()}


def _address(asked: Mapping[str, str], **more: str) -> str:
    query = QueryDict(mutable=True)
    query.update({**asked, **more})
    return query.urlencode()


def _command(asked: Mapping[str, str]) -> str:
    words = ["hotswap", "audit"]
    for name, value in asked.items():
        if name in FIELDS:
            words += [f"--{_OPTIONS.get(name, name).replace('_', '-')}", value]
    return shlex.join(words)
