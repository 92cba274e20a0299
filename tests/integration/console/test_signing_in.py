"""Signing in and out: throttled by name and address, audited, silent about who exists."""

import uuid
from urllib.parse import urlencode

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from swaps.access import throttles
from swaps.access.roles import Role
from swaps.models import AuditEntry, RefusalFlood
from tests.given.people import PASSWORD, a_person

pytestmark = pytest.mark.django_db
LIMIT = 3


@pytest.fixture(autouse=True)
def few_attempts(settings: Settings) -> None:
    settings.FAILED_LOGINS_PER_MINUTE = LIMIT
    # A hash that is slow on purpose would be most of what is waited for here.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Each test counts for itself, however soon after another it runs.
    settings.VALKEY_PREFIX = f"{settings.VALKEY_PREFIX}:{uuid.uuid4()}"


def sign_in(name: str, password: str, address: str = "192.0.2.1") -> HttpResponse:
    given = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post(reverse("login"), given)


def rows() -> list[tuple[str, str, str, str]]:
    found = AuditEntry.objects.order_by("pk")
    return [(row.actor, row.action, row.object_name, row.outcome) for row in found]


def test_in_and_out_leave_rows() -> None:
    a_person(Role.OPERATOR, "olga")
    client = Client()
    given = {"username": "olga", "password": PASSWORD}
    assert client.post(reverse("login"), given).status_code == 302
    assert client.get(reverse("overview")).status_code == 200
    client.post(reverse("logout"))
    assert client.get(reverse("overview")).status_code == 302
    assert rows() == [("olga", "login", "olga", "done"), ("olga", "logout", "olga", "done")]
    entry = AuditEntry.objects.earliest("pk")
    assert (entry.source, entry.address, entry.role) == ("console", "127.0.0.1", "operator")


def test_what_was_wrong_is_not_told() -> None:
    a_person(Role.OPERATOR, "olga")
    retired = a_person(Role.OPERATOR, "retired")
    retired.is_active = False
    retired.save()
    words = set()
    for name in ("olga", "nobody", "retired"):
        password = PASSWORD if name == "retired" else "wrong"
        response = sign_in(name, password)
        assert response.status_code == 200
        words.add(response.content.decode().split('role="alert">')[1].split("</div>")[0])
    assert len(words) == 1
    assert [row[3] for row in rows()] == ["refused"] * 3
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_one_name_is_guessed_at_from_one_address_in_vain() -> None:
    a_person(Role.OPERATOR, "olga")
    a_person(Role.OPERATOR, "oleg")
    for _ in range(LIMIT):
        assert sign_in("olga", "wrong").status_code == 200
    # Not even the right password: what is refused must not tell which one it is.
    response = sign_in("OLGA", PASSWORD)
    assert response.status_code == 429
    assert 1 <= int(response["Retry-After"]) <= throttles.WINDOW_SECONDS
    assert b"Too many attempts" in response.content
    assert sign_in("oleg", PASSWORD).status_code == 302


def test_who_guesses_from_elsewhere_keeps_nobody_out() -> None:
    a_person(Role.ADMINISTRATOR, "ada")
    for _ in range(2 * LIMIT):
        sign_in("ada", "wrong", "203.0.113.9")
    assert sign_in("ada", PASSWORD, "192.0.2.1").status_code == 302


def test_one_name_is_guessed_at_from_many_addresses_in_vain() -> None:
    a_person(Role.OPERATOR, "olga")
    for number in range(LIMIT * throttles.LOGINS_BY_NAME):
        assert sign_in("olga", "wrong", f"203.0.113.{number}").status_code == 200
    assert sign_in("olga", PASSWORD, "192.0.2.9").status_code == 429


def test_a_browser_that_was_signed_in_before_is_not_kept_out_by_strangers() -> None:
    a_person(Role.ADMINISTRATOR, "ada")
    known = Client(REMOTE_ADDR="192.0.2.1")
    login = reverse("login")
    assert known.post(login, {"username": "ada", "password": PASSWORD}).status_code == 302
    known.post(reverse("logout"))
    for number in range(LIMIT * throttles.LOGINS_BY_NAME + 1):
        sign_in("ada", "wrong", f"203.0.113.{number}")
    assert sign_in("ada", PASSWORD, "192.0.2.2").status_code == 429
    assert known.post(login, {"username": "ada", "password": PASSWORD}).status_code == 302
    # It has a count of its own, and is known for nobody else.
    known.post(reverse("logout"))
    for _ in range(LIMIT):
        assert known.post(login, {"username": "ada", "password": "wrong"}).status_code == 200
    assert known.post(login, {"username": "ada", "password": PASSWORD}).status_code == 429


def test_one_address_guesses_at_many_names_in_vain() -> None:
    a_person(Role.OPERATOR, "olga")
    most = LIMIT * throttles.LOGINS_BY_ADDRESS
    assert {sign_in(f"name{n}", "wrong").status_code for n in range(most)} == {200}
    assert sign_in("olga", PASSWORD).status_code == 429
    assert sign_in("olga", PASSWORD, "192.0.2.2").status_code == 302


def test_who_gets_in_at_last_starts_anew() -> None:
    a_person(Role.OPERATOR, "olga")
    for _ in range(2):
        for _ in range(LIMIT - 1):
            assert sign_in("olga", "wrong").status_code == 200
        assert sign_in("olga", PASSWORD).status_code == 302


def test_a_flood_leaves_some_rows() -> None:
    for _ in range(60):
        sign_in("olga", "wrong")
    # Those that were looked at, and the first that was not: it says so of the others.
    assert len(rows()) < 20
    assert "nor those after it" in AuditEntry.objects.latest("pk").reason
    floods = RefusalFlood.objects.filter(action="login").values_list("times", flat=True)
    assert sum(floods) <= 2 * (LIMIT + 1)  # a minute may end meanwhile


@pytest.mark.parametrize("name", [b"x" * 10_000, b"o\x00lga", b"\xed\xa0\x80", b""])
def test_any_name_is_only_a_wrong_one(name: bytes) -> None:
    given = urlencode({"username": name, "password": "wrong"})
    form = "application/x-www-form-urlencoded"
    assert Client().post(reverse("login"), given, content_type=form).status_code == 200


def test_the_admins_own_form_is_no_second_door() -> None:
    assert Client().post("/admin/login/", {"username": "olga"})["Location"].startswith("/login?")
    assert Client().get("/admin/login/?next=/admin/auth/")["Location"] == (
        "/login?next=%2Fadmin%2Fauth%2F"
    )
    nobody = Client()
    nobody.force_login(a_person(None, "nobody"))
    response = nobody.get("/admin/", follow=True)
    assert response.status_code == 403
    assert b"This part needs a role" in response.content
