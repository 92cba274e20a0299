"""Making, seeing and revoking tokens over REST."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.utils import timezone

from swaps.access.roles import Actor, Role
from swaps.access.tokens import actor_for_token, create_token
from swaps.commands.people.tokens import revoke_token
from swaps.live.broadcast import TOKENS_GROUP
from swaps.models import ApiToken, AuditEntry
from tests.integration.api.caller import Caller, a_person, problem_of
from tests.integration.bundled_host.running import PATIENCE_SECONDS
from tests.integration.readings.rows import a_model

pytestmark = pytest.mark.django_db


def json_of(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()


def test_a_token_is_shown_once_used_and_revoked(administrator: Caller) -> None:
    a_model("iris")
    a_person("ci", Role.OPERATOR)
    until = timezone.now() + timedelta(days=1)
    asked = {
        "name": "pipeline",
        "role": "operator",
        "user": "ci",
        "models": ["iris"],
        "expires_at": until.isoformat(),
    }
    response = administrator.post("tokens", asked)
    made = json_of(response, 201)
    assert response["Location"] == f"/api/v1/tokens/{made['id']}"
    plaintext = made.pop("token")
    assert plaintext.startswith(made["prefix"])
    assert (made["user"], made["made_by"]) == ("ci", "administrator-person")
    assert (made["role"], made["models"], made["revoked_at"]) == ("operator", ["iris"], None)

    pipeline = Caller.with_token(plaintext)
    assert json_of(pipeline.get("me")) == {
        "name": "ci",
        "role": "operator",
        "source": "API",
        "token": made["prefix"],
        "models": ["iris"],
    }
    shown = json_of(administrator.get(f"tokens/{made['id']}"))
    assert shown["last_used_at"]
    listed = administrator.get("tokens?user=ci")
    assert json_of(listed)["items"] == [shown]
    assert plaintext not in listed.content.decode()

    assert json_of(administrator("DELETE", f"tokens/{made['id']}"))["revoked_at"]
    problem_of(pipeline.get("me"), 401, "unauthorized")
    again = json_of(administrator("DELETE", f"tokens/{made['id']}"))
    assert again["revoked_at"] == json_of(administrator.get(f"tokens/{made['id']}"))["revoked_at"]

    entries = list(AuditEntry.objects.filter(object_kind="token").order_by("pk"))
    assert [entry.reason for entry in entries] == ["made", "revoked"]
    assert plaintext not in str([entry.__dict__ for entry in entries])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"role": "emperor"}, "role"),
        ({"user": "nobody"}, "user"),
        ({"user": "retired"}, "user"),
        ({"models": []}, "models"),
        ({"models": ["wine"]}, "models"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
        ({"expires_at": "2099-01-01T00:00:00"}, "expires_at"),  # which zone's midnight?
        ({"expires": "2099-01-01T00:00:00Z"}, "expires"),
    ],
)
def test_a_token_that_cannot_be_is_refused_by_field(
    administrator: Caller, change: dict[str, Any], field: str
) -> None:
    a_model("iris")
    retired = a_person("retired")
    retired.is_active = False
    retired.save()
    before = ApiToken.objects.count()
    asked = {"name": "ci", "role": "viewer"} | change
    problem = problem_of(administrator.post("tokens", asked), 422, "invalid-request")
    assert problem["errors"][0]["field"] == field
    assert ApiToken.objects.count() == before


@pytest.mark.parametrize("role", [Role.VIEWER, Role.OPERATOR])
def test_tokens_are_an_administrators_business(role: Role) -> None:
    caller = Caller(role)
    token = ApiToken.objects.get()
    for response in (
        caller.get("tokens"),
        caller.get(f"tokens/{token.pk}"),
        caller.post("tokens", {"name": "x", "role": "viewer"}),
        caller("DELETE", f"tokens/{token.pk}"),
    ):
        problem_of(response, 403, "forbidden")
    assert json_of(caller.get("me"))["role"] == role


def test_a_scoped_administrator_cannot_make_itself_a_wider_token() -> None:
    caller = Caller(Role.ADMINISTRATOR, models=["iris"])
    a_model("iris")
    problem = problem_of(
        caller.post("tokens", {"name": "wide", "role": "administrator"}), 403, "forbidden"
    )
    assert "this token is for iris" in problem["detail"]


def test_an_unknown_token_is_404(administrator: Caller) -> None:
    for number in (0, 999_999, 10**30):
        problem_of(administrator("DELETE", f"tokens/{number}"), 404, "token-not-found")


def test_our_own_client_is_told_from_programs(viewer: Caller) -> None:
    me = json_of(viewer("GET", "me", User_Agent="hotswap-cli/1.0"))
    assert me["source"] == "command line"


def test_a_token_ends_with_its_time_its_revocation_and_its_person() -> None:
    person = a_person()
    token, plaintext = create_token(person, name="ci", role=Role.VIEWER)
    assert actor_for_token(plaintext)
    now = timezone.now()
    for wrong in ({"expires_at": now}, {"revoked_at": now}):
        ApiToken.objects.filter(pk=token.pk).update(**wrong)
        assert actor_for_token(plaintext) is None
        ApiToken.objects.filter(pk=token.pk).update(expires_at=None, revoked_at=None)
    person.is_active = False
    person.save()
    assert actor_for_token(plaintext) is None


@pytest.mark.django_db(transaction=True)
async def test_a_revocation_reaches_open_streams(closed_connections: None) -> None:
    (token, plaintext), layer = await sync_to_async(_a_token)(), get_channel_layer()
    channel = await layer.new_channel()
    await layer.group_add(TOKENS_GROUP, channel)
    ada = Actor("ada", Role.ADMINISTRATOR, "console")
    await sync_to_async(revoke_token)(actor=ada, token_id=token.pk)
    async with asyncio.timeout(PATIENCE_SECONDS):
        assert (await layer.receive(channel))["token"] == token.pk
    assert await sync_to_async(actor_for_token)(plaintext) is None
    await layer.flush()


def _a_token() -> tuple[ApiToken, str]:
    return create_token(a_person(), name="ci", role=Role.VIEWER)
