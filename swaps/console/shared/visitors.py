"""Who looks at the console, and what they may: every page and every action comes through here."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from swaps.access.roles import Action, Actor, Role, role_of
from swaps.access.visitors import actor_in_session


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


def page[**P](
    view: Callable[P, HttpResponse],
) -> Callable[P, HttpResponse]:
    """For pages: signed in, with a role that may look. Otherwise sign in, or a 403 in words."""

    @functools.wraps(view)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = args[0]
        assert isinstance(request, HttpRequest)
        actor = actor_of(request)
        if not actor.may(Action.VIEW):
            return render(request, "console/shared/no_role.html", status=403)
        return view(*args, **kwargs)

    return login_required(guarded)


def context_of(request: HttpRequest, here: str) -> dict[str, object]:
    """What every page's frame needs; `here` is the rail's entry."""
    return {"visitor": Visitor(role_of(request.user)), "here": here}
