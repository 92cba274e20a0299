"""A command on a swap, as a dialog that names its effect."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from swaps.commands.errors import InvalidRequest, NotPossibleNow
from swaps.commands.swaps.operations import apply_command
from swaps.commands.swaps.requests import find_swap
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.visitors import actor_of
from swaps.console.swap.confirmations import Confirmation, confirmation, subject_of
from swaps.domain.commands import ENTRIES, Command
from swaps.domain.commands.contract import Asked
from swaps.models import SwapOperation


@require_http_methods(["GET", "HEAD", "POST"])
def command(request: HttpRequest, swap_id: uuid.UUID, command: str) -> HttpResponse:
    asked = next((one for one in ENTRIES if one == command), None)
    if asked is None:
        raise Http404(f"no command {command!r}")
    return answer_dialog(request, lambda: _dialog(request, swap_id, asked))


def _dialog(request: HttpRequest, swap_id: uuid.UUID, command: Command) -> Dialog:
    swap = find_swap(swap_id, seen_by=actor_of(request))
    asked, here = _confirmation(swap, command), reverse("swap", args=[swap_id])
    words, entry = asked.words, ENTRIES[command]
    fields = [field for field in entry.fields if field.name in words.asks]

    def do(given: QueryDict) -> Done | None:
        options: dict[str, Any] = {field.name: _given(field, given) for field in fields}
        options |= {field.name: True for field in entry.fields if field.told_in_dialog}
        done = apply_command(
            swap_id,
            command,
            actor=actor_of(request),
            reason=given.get("reason", "").strip(),
            **options,
            still_meant=lambda locked: _require_meant(
                locked, _confirmation(locked, command), given
            ),
        )
        # Rolling back what has completed is another swap, with a page of its own.
        return None if done.pk == swap_id else Done(reverse("swap", args=[done.pk]))

    return Dialog(
        actions=(command,),
        title=words.title,
        subject=f"{swap.model.name} {swap.from_version or 'nothing'} → {swap.to_version}",
        about=format_html('<span class="state">{}</span>', swap.state),
        effect=words.effect,
        key=asked.effect_key,
        button=words.button,
        keep=words.keep,
        dangerous=entry.dangerous,
        typed=words.typed,
        reason_for="for the timeline and the audit log",
        fields="console/swap/command_fields.html",
        shown={
            "swap": swap,
            "asks": [
                {
                    "name": field.name,
                    "label": words.asks[field.name],
                    "is_number": field.kind is int,
                    "value": request.POST.get(field.name, field.usual),
                }
                for field in fields
            ],
        },
        do=do,
        back=here,
        names=(swap.model.name,),
    )


def _confirmation(swap: SwapOperation, command: Command) -> Confirmation:
    return confirmation(command, subject_of(swap, command))


def _require_meant(swap: SwapOperation, asked: Confirmation, given: QueryDict) -> None:
    """What was confirmed is what would be done now. Raises NotPossibleNow."""
    if given.get("effect") == asked.effect_key:
        return
    seen = given.get("state")
    if seen != swap.state:
        raise NotPossibleNow(
            f"The swap went on to {swap.state} meanwhile, and there it would do something "
            "else than you confirmed. Nothing was done: read what it does now."
        )
    raise NotPossibleNow(
        "Something changed since you read this: another click, another person or the swap "
        "itself was first. This one did nothing: read what it would do now."
    )


def _given(field: Asked, given: QueryDict) -> int | bool | None:
    """None: left out. Raises InvalidRequest."""
    typed = given.get(field.name, "").strip()
    if field.kind is bool:
        return typed == "on"
    if not typed:
        return None
    try:
        return int(typed)
    except ValueError:
        raise InvalidRequest(field.name, f"{typed!r} is not a whole number of seconds") from None
