"""Floods: held up, logged by some rows instead of all, and nobody else's trouble."""

import uuid

import pytest
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from swaps.access import throttles
from swaps.access.roles import Role
from swaps.models import AuditEntry, RefusalFlood
from tests.integration.api.caller import Caller, problem_of

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def counting_anew(settings: Settings) -> None:
    """Each test counts for itself, however soon after another it runs."""
    settings.VALKEY_PREFIX = f"{settings.VALKEY_PREFIX}:{uuid.uuid4()}"


CLIENT = Client()


def with_wrong_token(number: int = 0) -> HttpResponse:
    headers = {"Authorization": f"Bearer hs_wrong{number}"}
    return CLIENT.get("/api/v1/models", headers=headers)


@pytest.mark.django_db(transaction=True)  # as it is: each request commits for itself
def test_a_thousand_wrong_tokens(viewer: Caller, settings: Settings) -> None:
    answers = [with_wrong_token(number).status_code for number in range(1_000)]
    limit = settings.WRONG_TOKENS_PER_MINUTE
    # A minute may end meanwhile on a slow machine, and counting begin anew.
    assert answers[:limit] == [401] * limit
    assert answers[limit] == 429
    assert answers.count(429) >= 1_000 - limit * 10
    # Others, even at the same address, are let in.
    assert viewer.get("models").status_code == 200

    rows = AuditEntry.objects.filter(action="authenticate")
    first = rows.earliest("pk")
    assert (first.actor, first.outcome, first.address) == ("unknown", "refused", "127.0.0.1")
    # Beyond the limit they cost the database nothing but the look for the token.
    floods = RefusalFlood.objects.filter(action="authenticate").values_list("times", flat=True)
    told = sum((row.after or {"times": 1})["times"] for row in rows)
    assert limit <= told + sum(floods) <= 10 * (limit + 1)
    assert rows.filter(reason__contains="those after it in this minute").exists()
    assert rows.count() < 60
    assert "hs_wrong" not in str([*rows.values(), *RefusalFlood.objects.values()])


def test_a_throttled_caller_is_told_how_long(settings: Settings) -> None:
    settings.WRONG_TOKENS_PER_MINUTE = 0
    response = with_wrong_token()
    problem_of(response, 429, "too-many-requests")
    assert 1 <= int(response["Retry-After"]) <= throttles.WINDOW_SECONDS


def test_a_token_has_its_requests_a_minute(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 3
    busy, other = Caller(Role.VIEWER), Caller(Role.OPERATOR)
    assert [busy.get("models").status_code for _ in range(3)] == [200] * 3
    for _ in range(3):
        response = busy.get("models")
        problem = problem_of(response, 429, "too-many-requests")
    assert "3 requests a minute" in problem["detail"]
    assert int(response["Retry-After"]) >= 1
    assert other.get("models").status_code == 200
    row = AuditEntry.objects.filter(action="request").latest("pk")
    assert (row.actor, row.outcome) == ("viewer-person", "refused")


def test_a_token_is_told_what_is_left_before_it_runs_out(settings: Settings) -> None:
    settings.REQUESTS_PER_MINUTE = 3
    caller = Caller(Role.VIEWER)
    answers = [caller.get("me") for _ in range(4)]
    assert {answer["RateLimit-Policy"] for answer in answers} == {'"token";q=3;w=60'}
    assert [answer["RateLimit"][:11] for answer in answers] == [
        f'"token";r={left}' for left in (2, 1, 0, 0)
    ]
    assert answers[3].status_code == 429
    assert answers[3]["RateLimit"] == f'"token";r=0;t={answers[3]["Retry-After"]}'
    assert "RateLimit" not in with_wrong_token(), "nobody's token has no limit of its own"


def test_without_valkey_who_is_known_goes_on_and_strangers_are_still_counted(
    viewer: Caller, settings: Settings
) -> None:
    settings.VALKEY_URL = "unix:///nowhere/valkey.sock"
    settings.REQUESTS_PER_MINUTE = 0
    settings.WRONG_TOKENS_PER_MINUTE = 2
    assert viewer.get("models").status_code == 200
    assert [with_wrong_token().status_code for _ in range(4)] == [401, 401, 429, 429]
