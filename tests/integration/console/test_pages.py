"""Every page: who may see it, that it is whole, and that nothing in it is inline."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from swaps.access.roles import Action, Actor, Role
from swaps.audit.record import record
from swaps.models import ServedModel
from tests.given.people import INLINE, PASSWORD, a_person
from tests.integration.readings.rows import a_swap

# What leads to another host; a model host's address may well be told.
ELSEWHERE = re.compile(r'(?:src|href|action|hx-[a-z]+|ws-connect)="https?://')

pytestmark = pytest.mark.django_db


@pytest.fixture
def addresses(iris: ServedModel) -> dict[str, str]:
    swap = a_swap(iris, state="Transitioning")
    record(
        actor=Actor("olga", Role.OPERATOR, "console"),
        action=Action.SWAP,
        object_kind="model",
        object_name="iris",
        swap=swap.pk,
    )
    return {
        "overview": "/",
        "model": "/models/iris",
        "swaps": "/swaps",
        "search": "/search?q=iris",
        "keys": "/keys",
        "swap": f"/swaps/{swap.pk}",
        "confirmation": f"/swaps/{swap.pk}/rollback",
        "start": "/swaps/new?model=iris",
        "audit": "/audit",
        "hosts": "/hosts",
        "router": "/router",
    }


def test_without_a_login_there_is_only_the_login_page(addresses: dict[str, str]) -> None:
    stranger = Client()
    for path in addresses.values():
        response = stranger.get(path)
        assert response.status_code == 302, path
        assert response["Location"].startswith("/login?next="), path
    assert stranger.get("/login").status_code == 200


def test_signing_in_and_out(addresses: dict[str, str]) -> None:
    a_person(Role.VIEWER, "vera")
    client = Client()
    wrong = client.post("/login", {"username": "vera", "password": "no"})
    assert 'value="vera"' in wrong.content.decode()  # nothing typed is lost, but the password
    assert "Please enter a correct username" in wrong.content.decode()
    right = client.post(
        "/login", {"username": "vera", "password": PASSWORD, "next": addresses["swap"]}
    )
    assert right["Location"] == addresses["swap"]
    assert client.get("/").status_code == 200
    assert client.get("/logout").status_code == 405  # by POST only
    assert client.post("/logout")["Location"] == "/login"
    assert client.get("/").status_code == 302


def test_a_user_without_a_role_is_told_what_to_ask_for(
    signed_in: Callable[[Role | None], Client], addresses: dict[str, str]
) -> None:
    nobody = signed_in(None)
    for path in addresses.values():
        response = nobody.get(path)
        assert response.status_code == 403, path
        assert "You have no role yet" in response.content.decode()


def test_pages_are_whole_and_nothing_in_them_is_inline(
    administrator: Client, addresses: dict[str, str]
) -> None:
    for name, path in {**addresses, "login": "/login", "missing": "/models/none"}.items():
        client = Client() if name == "login" else administrator
        response = client.get(path)
        assert response.status_code in {200, 404}, path
        page = response.content.decode()
        policy = response["Content-Security-Policy"]
        assert "script-src 'self'" in policy, path
        assert "unsafe" not in policy, path
        assert INLINE.search(page) is None, (path, INLINE.search(page))
        assert "<h1" in page or "<h2" in page, path
        assert ELSEWHERE.search(page) is None, path


def test_an_empty_installation_teaches_the_first_steps(operator: Client) -> None:
    page = operator.get("/").content.decode()
    assert "Three steps to the first swap" in page
    assert "hotswap hosts add alpha" in page
    assert "No model is registered yet" in operator.get("/models").content.decode()
    assert "No model is registered yet" in operator.get("/swaps/new").content.decode()


def test_a_model_shows_its_swaps_with_outcome_and_duration(
    viewer: Client, iris: ServedModel
) -> None:
    ended = a_swap(iris, state="Failed", error_message="1.1 could not be loaded")
    type(ended).objects.filter(pk=ended.pk).update(end_time=ended.start_time)
    page = viewer.get("/models/iris").content.decode()
    assert "Failed" in page
    assert "0 ms" in page
    assert "1.1 could not be loaded" in page


def test_the_audit_page_shows_and_filters(viewer: Client, addresses: dict[str, str]) -> None:
    assert "olga" in viewer.get("/audit").content.decode()
    assert "No entry matches" in viewer.get("/audit?actor=nobody").content.decode()
