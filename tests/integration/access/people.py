"""Somebody of a role, or of none, who stands at every door at once."""

import json
from typing import Any

from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client

from swaps.access.roles import Role
from swaps.access.tokens import create_token


def a_user(name: str, role: Role | None) -> User:
    user = User.objects.create_user(name)
    if role is not None:
        user.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return user


class Person:
    """`browser` for console and admin, `rest` for the API. Their token is an administrator's:
    it is never stronger than they are.
    """

    def __init__(self, role: Role | None, models: list[str] | None = None) -> None:
        self.role = role
        self.user = a_user("somebody", role)
        self.browser = Client()
        self.browser.force_login(self.user)
        self._token = create_token(self.user, name="test", role=Role.ADMINISTRATOR, models=models)[
            1
        ]

    def rest(self, method: str, path: str, body: Any = None) -> HttpResponse:
        response: HttpResponse = Client().generic(
            method,
            f"/api/v1/{path}",
            data=json.dumps(body or {}),
            content_type="application/json",
            headers={"Authorization": f"Bearer {self._token}"},
        )
        return response
