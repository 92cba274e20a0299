"""A command on a swap, as a dialog that names its effect."""

import uuid

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_http_methods

from swaps.commands.errors import InvalidRequest, NotPossibleNow
from swaps.commands.swaps.operations import DEFAULT_EXTENSION_SECONDS, apply_command
from swaps.commands.swaps.requests import find_swap
from swaps.console.shared.dialogs import Dialog, Done, answer_dialog
from swaps.console.shared.visitors import actor_of
from swaps.console.swap.confirmations import ACTIONS, Confirmation, confirmation, subject_of
from swaps.domain.commands import Command
from swaps.models import SwapOperation


@require_http_methods(["GET", "HEAD", "POST"])
def command(request: HttpRequest, swap_id: uuid.UUID, command: str) -> HttpResponse:
    if command not in set(Command):
        raise Http404(f"no command {command!r}")
    asked = Command(command)
    return answer_dialog(request, lambda: _dialog(request, swap_id, asked))


def _dialog(request: HttpRequest, swap_id: uuid.UUID, command: Command) -> Dialog:
    swap = find_swap(swap_id, seen_by=actor_of(request))
    asked, here = _confirmation(swap, command), reverse("swap", args=[swap_id])

    def do(given: QueryDict) -> Done | None:
        done = apply_command(
            swap_id,
            command,
            actor=actor_of(request),
            reason=given.get("reason", "").strip(),
            seconds=_seconds(given) if asked.asks_seconds else None,
            full=given.get("full") == "on",
            of_rollback=True,  # the dialog says what it is
            still_meant=lambda locked: _require_meant(
                locked, _confirmation(locked, command), given
            ),
        )
        # Rolling back what has completed is another swap, with a page of its own.
        return None if done.pk == swap_id else Done(reverse("swap", args=[done.pk]))

    return Dialog(
        actions=(ACTIONS[command],),
        title=asked.title,
        subject=f"{swap.model.name} {swap.from_version or 'nothing'} → {swap.to_version}",
        about=format_html('<span class="state">{}</span>', swap.state),
        effect=asked.effect,
        key=asked.effect_key,
        button=asked.button,
        keep=asked.keep,
        dangerous=asked.dangerous,
        typed=asked.typed,
        reason_for="for the timeline and the audit log",
        fields="console/swap/command_fields.html",
        shown={
            "swap": swap,
            "asks_seconds": asked.asks_seconds,
            "asks_full": asked.asks_full,
            "default_seconds": DEFAULT_EXTENSION_SECONDS,
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


def _seconds(given: QueryDict) -> int | None:
    """Raises InvalidRequest."""
    typed = given.get("seconds", "").strip()
    if not typed:
        return None
    try:
        return int(typed)
    except ValueError:
        raise InvalidRequest("seconds", f"{typed!r} is not a whole number of seconds") from None
