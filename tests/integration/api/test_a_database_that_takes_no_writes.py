"""A Postgres that is read-only, or full: reading goes on, and it is said why nothing moves."""

from collections.abc import Iterator

import pytest
from django.db import DatabaseError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from swaps.access.roles import Role
from swaps.db import writability
from swaps.models import AuditEntry, ModelHost
from swaps.readings.overview.concerns import Kind, read_concerns
from swaps.readings.swap.swaps import read_each
from tests.given.people import PASSWORD, a_person
from tests.integration.api.caller import Caller, problem_of
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

pytestmark = pytest.mark.django_db(transaction=True)
HOST = {"name": "beta", "kind": "bundled", "url": "http://127.0.0.1:9"}


@pytest.fixture
def caller() -> Caller:
    return Caller(Role.ADMINISTRATOR)


@pytest.fixture
def read_only(caller: Caller) -> Iterator[None]:
    """After the rows are there. A connection's own setting does what a standby does."""
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    writability.look()
    yield
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
    writability.look()


@pytest.fixture
def swap(caller: Caller) -> object:
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", a_host(url="http://127.0.0.1:9"))
    return a_swap(model, state="Transitioning")


def test_who_has_a_token_goes_on_reading(caller: Caller, read_only: None) -> None:
    assert caller.get("models").status_code == 200
    assert caller.get("hosts").status_code == 200


def test_a_command_is_refused_with_the_reason_and_when_to_try_again(
    caller: Caller, read_only: None
) -> None:
    response = caller.post("hosts", HOST)
    problem = problem_of(response, 503, "unavailable")
    assert "read-only" in problem["detail"]
    assert int(response["Retry-After"]) > 0
    assert not ModelHost.objects.filter(name="beta").exists()


def test_a_stranger_is_still_told_that_they_are_one(caller: Caller, read_only: None) -> None:
    headers = {"Authorization": "Bearer hs_nobody"}
    problem_of(Client().get("/api/v1/models", headers=headers), 401, "unauthorized")
    assert not AuditEntry.objects.filter(action="authenticate").exists()


def test_readiness_tells_of_it_and_lets_readers_in(
    swap: object, caller: Caller, read_only: None
) -> None:
    answer = Client().get("/readyz").json()
    assert answer["parts"]["postgres"] == "ok"
    assert any("read-only" in warning for warning in answer["warnings"])


def test_however_often_readiness_is_asked_postgres_is_asked_for_room_once_in_a_while(
    caller: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked_for_room(times: int) -> int:
        with CaptureQueriesContext(connection) as told:
            for _ in range(times):
                assert Client().get("/readyz").status_code == 200
        return sum("TEMPORARY TABLE" in one["sql"] for one in told)

    writability.look()
    monkeypatch.setattr(writability, "RECENT_SECONDS", 3600.0)
    assert asked_for_room(3) == 0
    monkeypatch.setattr(writability, "RECENT_SECONDS", 0.0)
    assert asked_for_room(3) == 3


def test_a_swap_and_the_overview_say_why_nothing_moves(swap: object, read_only: None) -> None:
    writability.look()
    (reading,) = read_each([swap], scope=None)
    assert "read-only" in str(reading.waiting_for)
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now = cursor.fetchone()[0]
    first = read_concerns([reading], now)[0]
    assert first.kind is Kind.NO_WRITES
    assert "read-only" in first.reason


def test_once_it_takes_writes_again_nobody_speaks_of_it(swap: object, caller: Caller) -> None:
    assert writability.look() is None
    (reading,) = read_each([swap], scope=None)
    assert "Postgres" not in str(reading.waiting_for)
    assert caller.get("models").status_code == 200


def test_pages_that_change_something_are_refused_in_words(read_only: None) -> None:
    given = {"username": "olga", "password": PASSWORD}
    page = Client(raise_request_exception=False).post(reverse("login"), given)
    assert page.status_code == 200, "a wrong name is a wrong name"


def test_signing_in_says_what_is_wrong(caller: Caller) -> None:
    a_person(Role.OPERATOR, "olga")
    given = {"username": "olga", "password": PASSWORD}
    with connection.cursor() as cursor:
        cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    try:
        page = Client(raise_request_exception=False).post(reverse("login"), given)
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE")
    assert page.status_code == 503
    assert int(page["Retry-After"]) > 0
    assert b"read-only" in page.content


def test_a_full_disk_is_told_from_other_trouble(db: None) -> None:
    """Postgres' own error, without a disk that is really full."""
    raising = "DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '{code}'; END $$"
    for code, words in (("53100", writability.FULL), ("53200", None), ("23505", None)):
        with pytest.raises(DatabaseError) as error, connection.cursor() as cursor:
            cursor.execute(raising.format(code=code))
        assert writability.refused_write(error.value) == words
