"""A dialog: GET names the effect and asks for confirmation, POST does it, or says why not.

It works as a page of its own and, for htmx, as the inside of what lies over the page. All that
people confirm goes through here; what differs from dialog to dialog is in its `Dialog`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.cache import patch_vary_headers

from swaps.access.roles import Actor, NotAllowed, Permission
from swaps.commands.errors import InvalidRequest, Stale, SwapRefused
from swaps.console.shared.page_behind import page_behind
from swaps.console.shared.refusals import Refusal, refusal_of
from swaps.console.shared.visitors import actor_of, visitor_of

INSIDE, ALONE = "console/shared/ask/dialog.html", "console/shared/ask/page.html"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of it is shown on another page, with these words where it does not tell itself."""

    address: str
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """What is asked and what it would do, as things stand now."""

    actions: tuple[Permission, ...]  # all that it takes
    title: str
    effect: str
    button: str  # "": there is nothing to confirm yet, only to look again
    # Takes what was typed. None: the page it was asked on shows by itself what came of it.
    # Raises SwapRefused, NotAllowed.
    do: Callable[[QueryDict], Done | None]
    back: str  # the page it was asked on
    subject: str = ""  # what it is about, under the title, where that does not say it all
    about: str = ""  # more of it: html
    names: tuple[str, ...] = ()  # that an error may begin with, and that are never respelt
    keep: str = "Keep as it is"  # the safe choice
    dangerous: bool = False
    typed: str = ""  # what must be typed to confirm
    reason_for: str = "for the audit log"  # "": it asks for no reason
    reason_required: bool = False
    fields: str = ""  # the template of what else is shown and asked
    shown: Mapping[str, object] = field(default_factory=dict)  # for that template
    refusal: Refusal | None = None  # why it cannot be done now, said before anybody confirms it
    # Stands for what was read, where the command itself compares that with what is, inside its
    # transaction. None: compared here, by the words.
    key: str | None = None

    @property
    def effect_key(self) -> str:
        """Another effect, another key: what was confirmed is what would be done now."""
        if self.key is not None:
            return self.key
        return hashlib.sha256(f"{self.title}|{self.effect}".encode()).hexdigest()[:16]

    def allows(self, actor: Actor) -> bool:
        return all(actor.may(action) for action in self.actions)


def answer_dialog(request: HttpRequest, ask: Callable[[], Dialog]) -> HttpResponse:
    """`ask` is called anew after a refusal: the world went on."""
    actor, asked = actor_of(request), ask()
    if request.method != "POST":
        return _show(request, asked, _why_not(actor, asked))
    try:
        # Whoever may not is refused by the command itself, which also audits it.
        if asked.allows(actor):
            _require_confirmed(asked, request.POST)
        done = asked.do(request.POST)
    except (NotAllowed, SwapRefused) as refused:
        return _show(request, ask(), refusal_of(refused, actor.name, *asked.names))
    return _answer_done(request, asked, done)


def _why_not(actor: Actor, asked: Dialog) -> Refusal | None:
    """Said before anybody types a reason."""
    try:
        for action in asked.actions:
            actor.require(action)
    except NotAllowed as refused:
        return refusal_of(refused, actor.name, *asked.names)
    return asked.refusal


def _require_confirmed(asked: Dialog, given: QueryDict) -> None:
    """Raises Stale, InvalidRequest."""
    if asked.key is None and given.get("effect") != asked.effect_key:
        raise Stale(
            "Something changed since you read this, and it would do something else now. "
            "Nothing was done: read what it does.",
            [],
        )
    if asked.typed and given.get("typed", "").strip() != asked.typed:
        raise InvalidRequest("typed", f"Type {asked.typed} to confirm.")


def _answer_done(request: HttpRequest, asked: Dialog, done: Done | None) -> HttpResponse:
    over_a_page = bool(request.headers.get("HX-Request"))
    if done is None:
        return page_behind(request, otherwise=asked.back) if over_a_page else redirect(asked.back)
    if done.words:
        messages.success(request, done.words)
    if over_a_page:
        return HttpResponse(headers={"HX-Redirect": done.address})
    return redirect(done.address)


def _show(request: HttpRequest, asked: Dialog, refusal: Refusal | None) -> HttpResponse:
    over_a_page = bool(request.headers.get("HX-Request"))
    context = {
        **asked.shown,
        "visitor": visitor_of(request),
        "asked": asked,
        "given": request.POST,
        "refusal": refusal,
        "allowed": asked.refusal is None and not (refusal is not None and refusal.forbids),
    }
    response = render(
        request,
        INSIDE if over_a_page else ALONE,
        context,
        status=refusal.status if refusal else 200,
    )
    if over_a_page:
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    patch_vary_headers(response, ["HX-Request"])
    return response
