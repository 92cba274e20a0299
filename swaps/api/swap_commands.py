"""Each command on a swap as a call, made from its entry."""

import uuid
from collections.abc import Iterable
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from ninja import Router
from pydantic import Field, create_model

from swaps.access.roles import Actor
from swaps.api.answers import answer, problems
from swaps.api.bearer import Bearer, actor_of
from swaps.api.repeatable import repeatable
from swaps.api.schemas import CommandBody, Timeout, body_name
from swaps.commands.swaps.operations import apply_command
from swaps.commands.swaps.requests import find_swap
from swaps.domain.commands import CommandEntry
from swaps.domain.seen import Seen
from swaps.models import SwapOperation
from swaps.readings.swap.swaps import SwapReading, read_swap

_COMMANDED = ("swap-not-found", "not-found", "not-possible-now", "still-running")
# Rolling back a swap that is over begins another.
_REVERSED = ("swap-in-progress", "version-not-found", "version-not-active", "host-unreachable")


def add_commands(router: Router, entries: Iterable[CommandEntry]) -> None:
    for entry in entries:
        _add_command(router, entry)


def _add_command(router: Router, entry: CommandEntry) -> None:
    command, body_of = entry.command, _body_of(entry)
    codes = (*_COMMANDED, *_REVERSED) if entry.begins_another else _COMMANDED

    @router.post(
        f"/swaps/{{uuid:swap_id}}/{command}",
        auth=Bearer(command),
        response={202: SwapReading, **problems(*codes, body=True)},
        operation_id=command.replace("-", "_"),
        summary=entry.title,
        description=entry.description,
    )
    @repeatable()
    def run(
        request: HttpRequest,
        swap_id: uuid.UUID,
        body: body_of | None = None,  # type: ignore[valid-type] # made from the entry's fields
    ) -> HttpResponse:
        given = body or body_of()
        actor = actor_of(request)
        swap = apply_command(
            swap_id,
            command,
            actor=actor,
            reason=given.reason,
            seen=Seen(**given.seen.dict()) if given.seen else None,
            **{one.name: getattr(given, one.name) for one in entry.fields},
        )
        return accepted(swap, actor)


def _body_of(entry: CommandEntry) -> type[CommandBody]:
    """PromoteBody: what the command takes beside a reason, and what was seen."""
    if not entry.fields:
        return CommandBody
    fields: dict[str, Any] = {}
    for one in entry.fields:
        kind, default = (bool, False) if one.kind is bool else (Timeout | None, None)
        fields[one.name] = (Annotated[kind, Field(description=one.description)], default)
    return create_model(body_name(entry), __base__=CommandBody, **fields)


def accepted(swap: SwapOperation, actor: Actor) -> HttpResponse:
    # Read again: what a command changed may be an expression that only the database knows.
    swap = find_swap(swap.pk, seen_by=actor)
    return answer(
        read_swap(swap, scope=actor.models),
        status=202,
        location=reverse("api:swap", kwargs={"swap_id": swap.pk}),
    )
