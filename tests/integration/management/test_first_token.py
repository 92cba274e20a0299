"""A new installation has people, and no token to ask for a token with."""

import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from swaps.access.roles import Role
from swaps.access.tokens import actor_for_token
from swaps.commands.people.users import create_user
from swaps.management.operator import machine_operator
from swaps.models import ApiToken, AuditEntry

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return create_user(
        actor=machine_operator(),
        username="ada",
        password="a long phrase of hers",
        role="administrator",
    )


def created(*arguments: str) -> str:
    output = io.StringIO()
    call_command("createtoken", *arguments, stdout=output)
    return output.getvalue().strip()


def test_it_speaks_for_its_user_with_their_role_and_is_in_the_audit_log(ada: User) -> None:
    actor = actor_for_token(created("pipeline", "--user", "ada"))
    assert actor is not None
    assert (actor.name, actor.role, actor.models) == ("ada", Role.ADMINISTRATOR, None)
    entry = AuditEntry.objects.filter(object_kind="token").get()
    assert (entry.actor, entry.source) == (machine_operator().name, "command line")
    assert (entry.after or {})["user"] == "ada"


def test_it_may_be_weaker_and_last_for_a_while(ada: User) -> None:
    plaintext = created("pipeline", "--user", "ada", "--role", "operator", "--days", "30")
    actor = actor_for_token(plaintext)
    assert actor is not None
    assert actor.role == Role.OPERATOR
    ends = ApiToken.objects.get().expires_at
    assert ends is not None
    assert timedelta(days=29) < ends - timezone.now() < timedelta(days=31)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("pipeline", "--user", "nobody"), "no user is called 'nobody'"),
        (("pipeline", "--user", "ada", "--model", "iris"), "no model iris is registered"),
        (("pipeline", "--user", "ada", "--days", "0"), "this time is over"),
        ((" ", "--user", "ada"), "a token needs a name"),
    ],
)
def test_what_cannot_be_is_said(ada: User, arguments: tuple[str, ...], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        created(*arguments)
    assert not ApiToken.objects.exists()


def test_a_person_without_a_role_gets_none(ada: User) -> None:
    User.objects.create_user("guest")
    with pytest.raises(CommandError, match="user guest has no role"):
        created("pipeline", "--user", "guest")
