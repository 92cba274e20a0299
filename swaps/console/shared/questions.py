"""Something asked of a model, a host or a node: GET names the effect and asks for confirmation,
POST does it.

Works as a page of its own and, for htmx, as the inside of a dialog.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from swaps.access.roles import Action, NotAllowed
from swaps.commands.errors import HostNotFound, NodeNotFound, SwapRefused
from swaps.console.shared.dialogs import DialogRefusal, show_dialog
from swaps.console.shared.page_behind import page_behind
from swaps.console.shared.refusal_words import sentence
from swaps.console.shared.visitors import actor_of, context_of


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it is told on another page."""

    address: str
    words: str


@dataclass(frozen=True, slots=True)
class Ask:
    """`refusal`: why it cannot be done now, said before anybody confirms it."""

    here: str  # the rail's entry
    actions: tuple[Action, ...]  # all that it takes
    title: str
    effect: str
    button: str
    # For a reason. None: the page it was asked on shows by itself what came of it.
    do: Callable[[str], Done | None]
    back: str  # the page it was asked on
    subject: str = ""  # what it is about, under the title, where that does not say it all
    names: tuple[str, ...] = ()  # that an error may begin with, and that are never respelt
    keep: str = "Keep as it is"
    dangerous: bool = False
    typed: str = ""  # what must be typed to confirm
    asks_reason: bool = True
    refusal: str = ""

    @property
    def effect_key(self) -> str:
        """Another effect, another key: what was confirmed is what would be done now."""
        return hashlib.sha256(f"{self.title}|{self.effect}".encode()).hexdigest()[:16]


def answer_ask(request: HttpRequest, ask: Callable[[], Ask]) -> HttpResponse:
    """`ask` is read anew after a refusal: the world went on."""
    asked = ask()
    if request.method != "POST":
        return _dialog(request, asked, _why_not(request, asked))
    done = _do(request, asked)
    if isinstance(done, DialogRefusal):
        return _dialog(request, ask(), done)
    over_a_page = bool(request.headers.get("HX-Request"))
    if done is None:
        return page_behind(request, otherwise=asked.back) if over_a_page else redirect(asked.back)
    messages.success(request, done.words)
    if over_a_page:
        return HttpResponse(headers={"HX-Redirect": done.address})
    return redirect(done.address)


def _why_not(request: HttpRequest, asked: Ask) -> DialogRefusal | None:
    """Said before anybody types a reason."""
    actor = actor_of(request)
    try:
        for action in asked.actions:
            actor.require(action)
    except NotAllowed as refused:
        return DialogRefusal(sentence(refused, actor.name, *asked.names), 403)
    return DialogRefusal(asked.refusal) if asked.refusal else None


def _do(request: HttpRequest, asked: Ask) -> Done | DialogRefusal | None:
    actor, given = actor_of(request), request.POST
    # Whoever may not is refused by the engine itself, which also audits it.
    if all(actor.may(action) for action in asked.actions):
        if given.get("effect") != asked.effect_key:
            return DialogRefusal(
                "Something changed since you read this, and it would do something else now. "
                "Nothing was done: read what it does."
            )
        if asked.typed and given.get("typed", "").strip() != asked.typed:
            return DialogRefusal(f"Type {asked.typed} to confirm.", 422, "typed")
    try:
        return asked.do(given.get("reason", "").strip())
    except NotAllowed as refused:
        return DialogRefusal(sentence(refused, actor.name, *asked.names), 403)
    except (HostNotFound, NodeNotFound) as refused:
        raise Http404(str(refused)) from refused
    except SwapRefused as refused:
        return DialogRefusal(sentence(refused, *asked.names))


def _dialog(request: HttpRequest, asked: Ask, refusal: DialogRefusal | None) -> HttpResponse:
    context = context_of(request, asked.here) | {
        "asked": asked,
        "given": request.POST,
        "allowed": not asked.refusal and (refusal is None or refusal.status != 403),
    }
    return show_dialog(
        request,
        context,
        refusal,
        inside="console/shared/ask/dialog.html",
        alone="console/shared/ask/page.html",
    )
