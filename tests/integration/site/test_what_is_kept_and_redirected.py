"""What browsers may keep of our answers, and what a probe by plain HTTP is told."""

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from swaps.access.roles import Role
from tests.given.people import a_person
from tests.integration.api.caller import Caller

pytestmark = pytest.mark.django_db


def test_no_page_and_no_answer_is_kept() -> None:
    client = Client()
    client.force_login(a_person(Role.OPERATOR, "olga"))
    assert client.get(reverse("overview"))["Cache-Control"] == "no-store"
    assert client.get("/nowhere")["Cache-Control"] == "no-store"
    assert Caller(Role.VIEWER).get("models")["Cache-Control"] == "no-store"


def test_files_that_are_the_same_for_everybody_may_be_kept() -> None:
    answer = Client().get("/static/console/shared/console.css")
    assert answer.status_code == 200
    assert "no-store" not in answer.headers.get("Cache-Control", "")
    answer.close()


@pytest.mark.parametrize("path", ["/healthz", "/metrics"])
def test_a_probe_by_plain_http_gets_its_answer(path: str, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.OPEN_METRICS = True
    client = Client()
    assert client.get(path).status_code == 200
    assert client.get("/login").status_code == 301
    assert client.get(f"/api/v1{path}").status_code == 301
