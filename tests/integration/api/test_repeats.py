"""A POST that is repeated with its key is done once, and answered the same again."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.utils import timezone

from swaps.access.roles import Actor, Role
from swaps.commands import repeats
from swaps.commands.errors import NotPossibleNow
from swaps.engine.sweeping.retention import forget_what_is_over
from swaps.models import (
    ApiToken,
    AuditEntry,
    KeptAnswer,
    ModelHost,
    ServedModel,
    SwapEvent,
    SwapOperation,
)
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

pytestmark = pytest.mark.django_db(transaction=True)

SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
AT_ONCE = 6


@pytest.fixture
def iris(bundled_host: RunningHost, transactional_db: None) -> ServedModel:
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", a_host(url=bundled_host.url, control_token=TOKEN))
    return model


def same(first: HttpResponse, again: HttpResponse) -> None:
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.get("Location") == first.get("Location")
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"


@pytest.mark.usefixtures("iris")
def test_the_answer_is_the_same_however_things_have_moved_on(operator: Caller) -> None:
    first = operator.post("swaps", SWAP, Idempotency_Key="deploy-7")
    assert first.status_code == 202
    cancelled = operator.post(f"{first['Location'].removeprefix('/api/v1/')}/cancel")
    assert cancelled.status_code == 202
    same(first, operator.post("swaps", SWAP, Idempotency_Key="deploy-7"))
    # Written another way it is the same request.
    turned = dict(reversed(SWAP.items()))
    same(first, operator.post("swaps", turned, Idempotency_Key="deploy-7"))
    assert SwapOperation.objects.count() == 1


@pytest.mark.usefixtures("iris")
def test_of_identical_posts_at_the_same_moment_one_swaps(operator: Caller) -> None:
    ready = threading.Barrier(AT_ONCE)
    answers: list[HttpResponse] = []

    def post() -> None:
        caller = Caller.with_token(operator.token)
        ready.wait()
        try:
            answers.append(caller.post("swaps", SWAP, Idempotency_Key="deploy-8"))
        finally:
            connection.close()

    threads = [threading.Thread(target=post) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answer.status_code for answer in answers] == [202] * AT_ONCE
    assert len({answer.content for answer in answers}) == 1
    assert sum("Idempotency-Replayed" not in answer for answer in answers) == 1
    assert SwapOperation.objects.count() == 1
    assert AuditEntry.objects.filter(action="swap", outcome="done").count() == 1


def test_one_that_is_still_running_says_so(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "PATIENCE_SECONDS", 0.05)
    swap = a_swap(a_model(), state="Transitioning")
    held, over = threading.Event(), threading.Event()

    def refuse() -> repeats.KeptResponse:
        held.set()
        over.wait(60)
        raise NotPossibleNow("it did nothing, so the key is free again")

    def hold() -> None:
        first = Actor("operator-person", Role.OPERATOR, "API")
        try:
            with pytest.raises(NotPossibleNow):
                repeats.once(first, "k", {}, refuse)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait(60)
    try:
        response = operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k")
    finally:
        over.set()
        thread.join()
    problem_of(response, 409, "still-running")
    assert int(response["Retry-After"]) > 0
    assert operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k").status_code == 202


COMMANDS: list[tuple[str, Any, int]] = [
    ("swaps/{swap}/pause", {"reason": "lunch"}, 202),
    ("swaps/{swap}/pause", None, 202),
    ("models", {"name": "lily"}, 201),
    ("hosts", {"name": "beta", "kind": "bundled", "url": "http://127.0.0.1:9"}, 201),
    ("hosts/{host}/check", None, 200),
    ("strategies", {"name": "bold", "steps": [{"setWeight": 90}]}, 201),
    ("users", {"username": "ada", "password": "a long phrase, easily", "role": "viewer"}, 201),
]


@pytest.mark.parametrize(("path", "body", "status"), COMMANDS)
def test_any_post_may_be_repeated(path: str, body: Any, status: int, administrator: Caller) -> None:
    swap = a_swap(a_model(), state="Transitioning")
    path = path.format(swap=swap.pk, host=a_host("alpha", url="http://127.0.0.1:9").name)
    first = administrator.post(path, body, Idempotency_Key="again")
    assert first.status_code == status, first.content
    entries = AuditEntry.objects.count()
    same(first, administrator.post(path, body, Idempotency_Key="again"))
    assert AuditEntry.objects.count() == entries, "nothing was done the second time"


@contextmanager
def a_host_that_lets_wait() -> Iterator[tuple[str, threading.Event, threading.Event]]:
    """Its URL; set once it was asked something; and to be set, for it to hang up."""
    asked, enough = threading.Event(), threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1)
                    asked.set()
                    enough.wait(60)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", asked, enough
        finally:
            enough.set()
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def transactions_of_others() -> list[str]:
    """What each did last that has a transaction open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT query FROM pg_stat_activity WHERE datname = current_database()"
            " AND xact_start IS NOT NULL AND pid <> pg_backend_pid() AND backend_type ="
            " 'client backend'"
        )
        return [query for (query,) in cursor.fetchall()]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("swaps", SWAP, 503),
        ("hosts", {"name": "beta", "kind": "bundled"}, 201),
        ("hosts/alpha/check", None, 200),
    ],
)
def test_no_transaction_is_open_while_a_host_is_asked(
    path: str, body: Any, status: int, administrator: Caller
) -> None:
    answers: list[HttpResponse] = []
    with a_host_that_lets_wait() as (url, asked, enough):
        placed(a_model("iris", weights={"1.0": 100}), "1.0", a_host("alpha", url=url))
        if path == "hosts":
            body = body | {"url": url}

        def post() -> None:
            try:
                answers.append(administrator.post(path, body, Idempotency_Key="slow"))
            finally:
                connection.close()

        thread = threading.Thread(target=post)
        thread.start()
        assert asked.wait(60)
        assert transactions_of_others() == []
        enough.set()
        thread.join()
        assert answers[0].status_code == status, answers[0].content
        if status < 400:
            same(answers[0], administrator.post(path, body, Idempotency_Key="slow"))


def test_a_key_is_one_persons_and_for_one_request(operator: Caller, administrator: Caller) -> None:
    model = a_model()
    swap, other = (a_swap(model, state=state) for state in ("Transitioning", "Failed"))
    assert operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k").status_code == 202
    for path, body in (
        (f"swaps/{swap.pk}/pause", {"reason": "lunch"}),
        (f"swaps/{swap.pk}/resume", None),
        (f"swaps/{other.pk}/pause", None),
    ):
        problem = problem_of(operator.post(path, body, Idempotency_Key="k"), 422, "invalid-request")
        assert "choose a new one" in problem["detail"]
    resumed = administrator.post(f"swaps/{swap.pk}/resume", Idempotency_Key="k")
    assert resumed.status_code == 202
    for wrong in ("", " ", "é", "x" * 201, "a b"):
        problem_of(
            operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key=wrong), 422, "invalid-request"
        )


def test_a_token_that_sees_less_is_not_shown_the_answer_of_another(operator: Caller) -> None:
    swap = a_swap(a_model("iris"), state="Transitioning")
    assert operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k").status_code == 202
    narrow = Caller(Role.OPERATOR, models=["lily"], name="other")
    ApiToken.objects.filter(user=narrow.person).update(user=operator.person)
    response = narrow.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k")
    problem_of(response, 422, "invalid-request")


def test_a_refusal_is_recorded_and_leaves_the_key_free(operator: Caller) -> None:
    swap = a_swap(a_model(), state="NotStarted")
    path = f"swaps/{swap.pk}/pause"
    problem_of(operator.post(path, Idempotency_Key="k"), 409, "not-possible-now")
    assert AuditEntry.objects.get().outcome == "refused"
    assert not KeptAnswer.objects.exists()
    SwapOperation.objects.update(state="Transitioning")
    assert operator.post(path, Idempotency_Key="k").status_code == 202


def test_what_breaks_in_the_middle_leaves_nothing(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer could not be kept: then what it tells of did not happen either."""
    swap = a_swap(a_model(), state="Transitioning")

    def fail(**_: Any) -> None:
        raise RuntimeError("the machine stops here")

    monkeypatch.setattr(KeptAnswer.objects, "update_or_create", fail)
    response = operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k")
    problem_of(response, 500, "internal-error")
    swap.refresh_from_db()
    assert not swap.paused
    assert not SwapEvent.objects.exists()
    assert not AuditEntry.objects.exists()
    monkeypatch.undo()
    assert operator.post(f"swaps/{swap.pk}/pause", Idempotency_Key="k").status_code == 202


def test_a_name_that_was_taken_is_refused_by_its_field_with_a_key_too(
    administrator: Caller,
) -> None:
    a_model("iris")
    response = administrator.post("models", {"name": "iris"}, Idempotency_Key="k")
    problem = problem_of(response, 422, "invalid-request")
    assert problem["errors"][0]["field"] == "name"


def test_a_tokens_plain_text_is_in_the_first_answer_alone(administrator: Caller) -> None:
    wanted = {"name": "ci", "role": "viewer"}
    first = administrator.post("tokens", wanted, Idempotency_Key="k").json()  # type: ignore[attr-defined]
    again = administrator.post("tokens", wanted, Idempotency_Key="k").json()  # type: ignore[attr-defined]
    assert first["token"].startswith("hs_")
    assert again == first | {"token": None}
    assert first["token"] not in str(list(KeptAnswer.objects.values()))


def test_an_answer_is_kept_for_a_day(administrator: Caller) -> None:
    def post() -> HttpResponse:
        return administrator.post("hosts/alpha/check", Idempotency_Key="k")

    a_host("alpha", url="http://127.0.0.1:9")
    first = post()
    forget_what_is_over()
    same(first, post())
    KeptAnswer.objects.update(made_at=timezone.now() - timedelta(hours=25))
    assert "Idempotency-Replayed" not in post()
    assert KeptAnswer.objects.count() == 1
    KeptAnswer.objects.update(made_at=timezone.now() - timedelta(hours=25))
    forget_what_is_over()
    assert not KeptAnswer.objects.exists()
    assert ModelHost.objects.count() == 1
