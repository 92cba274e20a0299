"""Who looks at the console, and what they may: every page and every action comes through here."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from swaps.access.roles import Action, Actor, Role, role_of
from swaps.access.visitors import actor_in_session
from swaps.console.shared.refusals import NOT_FOUND


@dataclass(frozen=True, slots=True)
class Visitor:
    """What templates ask of the person who looks."""

    role: Role | None

    @property
    def may_swap(self) -> bool:
        return Actor("", self.role, "console").may(Action.SWAP)

    @property
    def may_manage_models(self) -> bool:
        return Actor("", self.role, "console").may(Action.MANAGE_MODELS)

    @property
    def may_manage_hosts(self) -> bool:
        return Actor("", self.role, "console").may(Action.MANAGE_HOSTS)


def actor_of(request: HttpRequest) -> Actor:
    """The person behind a request, for the command and for the audit entry it leaves."""
    return actor_in_session(request, "console")


def page_for_readers[**P](view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Signed in, with a role that may look: otherwise sign in, or a 403 in words. What the address
    names, and is not there, is a 404.
    """

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = args[0]
        assert isinstance(request, HttpRequest)
        actor = actor_of(request)
        if not actor.may(Action.VIEW):
            return render(request, "console/shared/no_role.html", status=403)
        try:
            return view(*args, **kwargs)
        except NOT_FOUND as missing:
            raise Http404(str(missing)) from missing

    return login_required(guarded)


def visitor_of(request: HttpRequest) -> Visitor:
    return Visitor(role_of(request.user))
