"""A caller of the API with a token, and the form every problem must have."""

import json
from typing import Any

from django.contrib.auth.models import Group, User
from django.http import HttpResponse
from django.test import Client

from swaps.access.roles import Role
from swaps.access.tokens import create_token
from tests.given.promises import require_promised


def a_person(name: str = "olga", role: Role = Role.OPERATOR) -> User:
    person = User.objects.create_user(name)
    person.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return person


class Caller:
    def __init__(
        self,
        role: Role = Role.OPERATOR,
        name: str | None = None,
        *,
        models: list[str] | None = None,
    ) -> None:
        self.person = a_person(name or f"{role}-person", role)
        self.token = create_token(self.person, name="test", role=role, models=models)[1]
        self._client = Client(raise_request_exception=False)

    @classmethod
    def with_token(cls, plaintext: str) -> "Caller":
        """Somebody who has this token, whoever it speaks for."""
        caller = cls.__new__(cls)
        caller.token = plaintext
        caller._client = Client(raise_request_exception=False)
        return caller

    def __call__(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **headers: str
    ) -> HttpResponse:
        content: dict[str, Any] = {}
        if raw is not None:
            content = {"data": raw, "content_type": "application/json"}
        elif body is not None:
            content = {"data": body, "content_type": "application/json"}
        headers = {"Authorization": f"Bearer {self.token}"} | headers
        response = self._client.generic(
            method,
            f"/api/v1/{path}",
            **_encoded(content),
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )
        require_promised(method, f"/api/v1/{path}", response)
        return response

    def get(self, path: str) -> HttpResponse:
        return self("GET", path)

    def post(self, path: str, body: Any = None, **headers: str) -> HttpResponse:
        return self("POST", path, body, **headers)


def _encoded(content: dict[str, Any]) -> dict[str, Any]:
    data = content.get("data")
    if data is None or isinstance(data, bytes):
        return content
    return content | {"data": json.dumps(data)}


def problem_of(response: HttpResponse, status: int, code: str) -> dict[str, Any]:
    """The problem in a response, which must be this one."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = json.loads(response.content)
    assert problem["type"] == f"urn:hotswap:problem:{code}"
    assert (problem["code"], problem["status"]) == (code, status)
    assert problem["title"]
    assert problem["detail"]
    return problem
