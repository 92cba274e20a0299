"""The admin's frame, and who may come in: whoever may look."""

from typing import Any

from django.contrib.admin import AdminSite
from django.http import HttpRequest

from swaps.access.roles import Action, Actor
from swaps.access.visitors import actor_in_session


def actor_of(request: HttpRequest) -> Actor:
    """Asked for dozens of times a page, looked up once."""
    known: Actor | None = request.__dict__.get("actor_at_admin")
    if known is None:
        known = request.__dict__["actor_at_admin"] = actor_in_session(request, "admin")
    return known


class HotswapAdmin(AdminSite):
    site_header = "Hotswap administration"
    site_title = "Hotswap"
    index_title = "What swaps run on, and who may do what"
    site_url = "/"

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> Any:
        apps = super().get_app_list(request, app_label)
        for app in apps:
            if app["app_label"] == "auth":
                app["name"] = "People"
        return apps

    def has_permission(self, request: HttpRequest) -> bool:
        return actor_of(request).may(Action.VIEW)


# Django's templates ask for this very name.
site = HotswapAdmin(name="admin")
