"""A command on a swap: GET asks for confirmation and names the effect, POST does it.

Works as a page of its own and, for htmx, as the inside of a dialog.
"""

import uuid

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from swaps.access.roles import NotAllowed
from swaps.commands.errors import InvalidRequest, NotPossibleNow, SwapNotFound, SwapRefused
from swaps.commands.swaps.operations import DEFAULT_EXTENSION_SECONDS, apply_command
from swaps.console.shared.dialogs import DialogRefusal, show_dialog
from swaps.console.shared.page_behind import page_behind
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.visitors import actor_of, context_of, page
from swaps.console.swap.confirmations import ACTIONS, Confirmation, confirmation, subject_of
from swaps.domain.commands import Command
from swaps.models import SwapOperation


@require_http_methods(["GET", "HEAD", "POST"])
@page
def command(request: HttpRequest, swap_id: uuid.UUID, command: str) -> HttpResponse:
    if command not in set(Command):
        raise Http404(f"no command {command!r}")
    swap = SwapOperation.objects.select_related("model").filter(pk=swap_id).first()
    if swap is None:
        raise Http404(f"no swap has the id {swap_id}")
    asked = _asked(swap, Command(command))
    if request.method == "POST":
        done = _do(request, swap, asked)
        if isinstance(done, DialogRefusal):
            swap.refresh_from_db()
            return _dialog(request, swap, _asked(swap, asked.command), done)
        return _shown(request, swap, done)
    if not actor_of(request).may(ACTIONS[asked.command]):
        words = f"Your role does not include this: {command} needs an operator or administrator."
        return _dialog(request, swap, asked, DialogRefusal(words, 403))
    return _dialog(request, swap, asked)


def _do(
    request: HttpRequest, swap: SwapOperation, asked: Confirmation
) -> SwapOperation | DialogRefusal:
    actor = actor_of(request)
    # Whoever may not is refused by the command itself, which also audits it.
    typed = request.POST.get("typed", "").strip()
    if asked.typed and actor.may(ACTIONS[asked.command]) and typed != asked.typed:
        return DialogRefusal(f"Type {asked.typed} to confirm.", 422, "typed")

    def words(refused: Exception) -> str:
        return sentence(refused, actor.name, swap.model.name)

    try:
        return apply_command(
            swap.pk,
            asked.command,
            actor=actor,
            reason=request.POST.get("reason", "").strip(),
            seconds=_seconds(request) if asked.asks_seconds else None,
            full=request.POST.get("full") == "on",
            of_rollback=True,  # the dialog says what it is
            still_meant=lambda locked: _require_meant(
                locked, _asked(locked, asked.command), request.POST
            ),
        )
    except NotAllowed as refused:
        return DialogRefusal(words(refused), 403)
    except InvalidRequest as refused:
        return DialogRefusal(words(refused), 422, refused.field)
    except NotPossibleNow as refused:
        again = " Try again in a moment." if refused.retry else ""
        return DialogRefusal(words(refused) + again)
    except SwapNotFound as refused:
        raise Http404(str(refused)) from refused
    except SwapRefused as refused:
        return DialogRefusal(words(refused))


def _asked(swap: SwapOperation, command: Command) -> Confirmation:
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


def _seconds(request: HttpRequest) -> int | None:
    """Raises InvalidRequest."""
    given = request.POST.get("seconds", "").strip()
    if not given:
        return None
    try:
        return int(given)
    except ValueError:
        raise InvalidRequest("seconds", f"{given!r} is not a whole number of seconds") from None


def _shown(request: HttpRequest, swap: SwapOperation, done: SwapOperation) -> HttpResponse:
    """After the deed: the page as it is now, also where no websocket brings it."""
    address = reverse("swap", args=[done.pk])
    if not request.headers.get("HX-Request"):
        return redirect(address)
    if done.pk != swap.pk:
        return HttpResponse(headers={"HX-Redirect": address})
    return page_behind(request, otherwise=address)


def _dialog(
    request: HttpRequest,
    swap: SwapOperation,
    asked: Confirmation,
    refusal: DialogRefusal | None = None,
) -> HttpResponse:
    context = context_of(request, "swap") | {
        "swap": swap,
        "asked": asked,
        "given": request.POST,
        "default_seconds": DEFAULT_EXTENSION_SECONDS,
        "allowed": refusal is None or refusal.status != 403,
    }
    return show_dialog(
        request,
        context,
        refusal,
        inside="console/swap/command_dialog.html",
        alone="console/swap/command.html",
    )
