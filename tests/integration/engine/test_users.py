"""People are let in, given roles and put out by administrators, of whom one always stays."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from swaps.access.roles import Actor, NotAllowed, Role, role_of
from swaps.access.tokens import actor_for_token, create_token
from swaps.commands.errors import InvalidRequest, LastAdministrator, Stale, UserNotFound
from swaps.commands.people.users import contents_of, create_user, update_user
from swaps.commands.revisions import revision_of
from swaps.models import AuditEntry
from tests.integration.engine.swapping import ADMINISTRATOR, OPERATOR

pytestmark = pytest.mark.django_db(transaction=True)

GOOD = "correct horse battery"


def last() -> AuditEntry:
    newest = AuditEntry.objects.first()
    assert newest is not None, "the audit log is empty"
    return newest


def a_user(name: str = "ada", role: str = "operator") -> User:
    return create_user(actor=ADMINISTRATOR, username=name, password=GOOD, role=role)


def as_(user: User) -> Actor:
    return Actor(user.username, role_of(user), "API", user_id=user.pk)


def test_a_user_is_made_with_a_role_and_no_secret_in_the_log() -> None:
    user = a_user()
    assert user.check_password(GOOD)
    assert role_of(user) == "operator"
    entry = last()
    assert (entry.action, entry.object_kind, entry.object_name) == ("manage-users", "user", "ada")
    assert (entry.reason, entry.after) == ("made", {"role": "operator", "active": True})
    update_user(actor=ADMINISTRATOR, username="ada", password="quite another one", role="viewer")
    assert last().before == {"role": "operator", "password": "***"}
    assert last().after == {"role": "viewer", "password": "*** (changed)"}
    assert User.objects.get().check_password("quite another one")
    told = str(list(AuditEntry.objects.values()))
    for secret in (GOOD, "quite another one", "pbkdf2"):
        assert secret not in told


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"username": "ada"}, "username"),
        ({"username": "ADA"}, "username"),
        ({"username": ""}, "username"),
        ({"username": "a b"}, "username"),
        ({"username": "\x00"}, "username"),
        ({"username": "x" * 151}, "username"),
        ({"username": "engine"}, "username"),
        ({"role": "king"}, "role"),
        ({"password": "short"}, "password"),
        ({"password": "12345678901"}, "password"),
        ({"username": "longusername", "password": "longusername"}, "password"),
        ({"password": None}, "password"),
        ({"password": "x" * 1001}, "password"),
    ],
)
def test_who_cannot_be_made_is_refused_by_the_field(wrong: dict[str, Any], field: str) -> None:
    a_user()
    with pytest.raises(InvalidRequest) as refusal:
        create_user(
            actor=ADMINISTRATOR, **{"username": "eve", "password": GOOD, "role": "viewer"} | wrong
        )
    assert refusal.value.field == field
    assert User.objects.count() == 1
    assert last().outcome == "refused"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"is_staff": True}, "is_staff"),
        ({"is_superuser": True}, "is_superuser"),
        ({"role": "king"}, "role"),
        ({"role": None}, "role"),
        ({"active": "no"}, "active"),
        ({"password": "ada"}, "password"),
    ],
)
def test_a_wrong_change_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    a_user()
    with pytest.raises(InvalidRequest) as refusal:
        update_user(actor=ADMINISTRATOR, username="ada", **changes)
    assert refusal.value.field == field
    assert role_of(User.objects.get()) == "operator"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda actor: create_user(actor=actor, username="eve", password=GOOD, role="viewer"),
        lambda actor: update_user(actor=actor, username="ada", role="viewer"),
    ],
)
def test_only_administrators_manage_users(attempt: Callable[[Any], Any]) -> None:
    a_user()
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        attempt(OPERATOR)
    assert role_of(User.objects.get()) == "operator"


def test_nobody_makes_themselves_more_or_less() -> None:
    a_user("root", "administrator")
    ada = a_user("ada", "administrator")
    for changes in ({"role": "viewer"}, {"active": False}):
        with pytest.raises(NotAllowed, match="nobody changes their own role"):
            update_user(actor=as_(ada), username="ada", **changes)
    # What is the same is no change, and one's own password is one's own.
    update_user(actor=as_(ada), username="ada", role="administrator", password="another good one")
    assert User.objects.get(username="ada").check_password("another good one")


def test_the_last_administrator_stays() -> None:
    a_user("root", "administrator")
    a_user("ada", "administrator")
    update_user(actor=ADMINISTRATOR, username="ada", active=False)
    for changes in ({"role": "operator"}, {"active": False}):
        with pytest.raises(LastAdministrator, match="root is the last active administrator"):
            update_user(actor=ADMINISTRATOR, username="root", **changes)
    assert role_of(User.objects.get(username="root")) == "administrator"
    update_user(actor=ADMINISTRATOR, username="ada", active=True)
    update_user(actor=ADMINISTRATOR, username="root", role="operator")


def test_of_two_who_remove_one_another_at_the_same_moment_one_stays() -> None:
    people = [a_user(name, "administrator") for name in ("ada", "bob")]
    ready = threading.Barrier(2)
    refused: list[str] = []

    def remove(actor: User, other: User) -> None:
        acting = as_(actor)
        ready.wait()
        try:
            update_user(actor=acting, username=other.username, active=False)
        except LastAdministrator as error:
            refused.append(str(error))
        finally:
            connection.close()

    threads = [
        threading.Thread(target=remove, args=pair) for pair in (people, list(reversed(people)))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert User.objects.filter(is_active=True).count() == 1


def test_a_superuser_gets_the_role_that_is_given() -> None:
    a_user("ada", "administrator")
    User.objects.create_superuser("root", password=GOOD)
    update_user(actor=ADMINISTRATOR, username="root", role="viewer")
    assert role_of(User.objects.get(username="root")) == "viewer"


def test_who_is_disabled_is_out_with_every_token() -> None:
    a_user("root", "administrator")
    ada = a_user()
    _, plain = create_token(ada, name="ci", role=Role.OPERATOR)
    update_user(actor=ADMINISTRATOR, username="ada", active=False)
    assert actor_for_token(plain) is None
    assert contents_of(User.objects.get(username="ada"))["role"] == "operator"
    update_user(actor=ADMINISTRATOR, username="ada", active=True)
    assert actor_for_token(plain) is not None


def test_a_change_of_what_was_changed_since_is_refused_and_says_what() -> None:
    a_user("root", "administrator")
    ada = a_user()
    viewed = revision_of(contents_of(ada))
    update_user(actor=ADMINISTRATOR, username="ada", if_match=viewed, active=False)
    with pytest.raises(Stale, match="active of user ada was changed"):
        update_user(actor=ADMINISTRATOR, username="ada", if_match=viewed, role="viewer")


@pytest.mark.parametrize("name", ["nobody", "\x00"])
def test_nobody_cannot_be_changed(name: str) -> None:
    with pytest.raises(UserNotFound):
        update_user(actor=ADMINISTRATOR, username=name, role="viewer")
