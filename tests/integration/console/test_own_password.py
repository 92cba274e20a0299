"""Whoever signs in changes their own password; sessions end with the old one, or in time."""

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from swaps.access.roles import Role
from swaps.audit.refusals import RECORDED_WHOLE
from swaps.models import AuditEntry
from tests.given.people import INLINE, PASSWORD, a_person

pytestmark = pytest.mark.django_db

ANOTHER = "a long phrase is easy to keep"


@pytest.fixture
def olga(db: None) -> User:
    return a_person(Role.VIEWER, "olga")


@pytest.fixture
def client(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


def change(client: Client, old: str = PASSWORD, new: str = ANOTHER, again: str = "") -> str:
    given = {"old_password": old, "new_password": new, "again": again or new}
    response = client.post(reverse("own-password"), given)
    return f"{response.status_code} {response.content.decode()}"


def test_it_is_changed_and_their_other_sessions_end(olga: User, client: Client) -> None:
    other = Client()
    other.force_login(olga)
    page = client.get(reverse("own-password")).content.decode()
    assert not INLINE.search(page)
    assert client.get("/admin/password_change/")["Location"] == reverse("own-password")

    assert change(client).startswith("302")
    assert client.get(reverse("overview")).status_code == 200
    assert other.get(reverse("overview")).status_code == 302
    olga.refresh_from_db()
    assert olga.check_password(ANOTHER)
    entry = AuditEntry.objects.get(action="password")
    assert (entry.actor, entry.outcome) == ("olga", "done")
    assert ANOTHER not in str((entry.before, entry.after, entry.reason))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"old": "guessed"}, "This is not your password."),
        ({"new": "olga"}, "too short"),
        ({"new": "password1234"}, "too common"),
        ({"again": "something else"}, "This is not what stands above"),
    ],
)
def test_what_is_wrong_stands_beside_the_field(
    client: Client, olga: User, given: dict[str, str], words: str
) -> None:
    answer = change(client, **given)
    assert answer.startswith("422")
    assert words in answer
    olga.refresh_from_db()
    assert olga.check_password(PASSWORD)


def test_an_open_session_is_no_way_to_guess(client: Client) -> None:
    answers = [change(client, old="guessed") for _ in range(settings.FAILED_LOGINS_PER_MINUTE + 1)]
    assert answers[-1].startswith("429")
    refused = AuditEntry.objects.filter(action="password", outcome="refused")
    assert refused.count() == RECORDED_WHOLE


def test_a_session_ends_in_time() -> None:
    a_person(Role.VIEWER, "maria")  # whom no other test has kept from signing in
    client = Client()
    client.post(reverse("login"), {"username": "maria", "password": PASSWORD})
    cookie = client.cookies[settings.SESSION_COOKIE_NAME]
    assert cookie["max-age"] == settings.SESSION_COOKIE_AGE == 12 * 3600
