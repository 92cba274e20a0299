"""Whatever is wrong with a call, the answer is a problem with its code, in the promised order."""

import json
import uuid

import pytest
from django.db import OperationalError
from django.test import Client

from swaps.models import AuditEntry
from tests.integration.api.caller import Caller, problem_of

SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}
SOME_ID = "3f1d9c1e-0000-4000-8000-000000000000"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer hs_wrong", "Basic b2xnYTpo"])
@pytest.mark.django_db
def test_no_valid_token_is_401_before_all_else(authorization: str) -> None:
    headers = {"Authorization": authorization} if authorization else {}
    response = Client().post(
        "/api/v1/swaps", data=b"{", content_type="application/json", headers=headers
    )
    problem_of(response, 401, "unauthorized")
    assert response["WWW-Authenticate"] == "Bearer"


def test_a_role_that_may_not_is_403_before_the_body_is_read(viewer: Caller) -> None:
    problem = problem_of(viewer("POST", "swaps", raw=b"{"), 403, "forbidden")
    assert "operator" in problem["detail"]
    entry = AuditEntry.objects.get()
    assert (entry.outcome, entry.action, entry.actor) == ("refused", "swap", "viewer-person")


@pytest.mark.parametrize(
    "command",
    ["cancel", "rollback", "pause", "resume", "promote", "extend-drain", "roll-forward"],
)
def test_a_viewer_may_command_nothing(viewer: Caller, command: str) -> None:
    problem_of(viewer.post(f"swaps/{SOME_ID}/{command}"), 403, "forbidden")


def test_force_is_for_administrators(operator: Caller, administrator: Caller) -> None:
    problem_of(operator.post(f"swaps/{SOME_ID}/force-unload"), 403, "forbidden")
    problem_of(administrator.post(f"swaps/{SOME_ID}/force-unload"), 404, "swap-not-found")


@pytest.mark.parametrize(
    "raw", [b"{", b"\xff\xfe", b"nonsense", b"[" * 100_000, b'{"a": NaN}', b'{"a":' * 200]
)
def test_a_body_that_is_no_json_is_400(operator: Caller, raw: bytes) -> None:
    problem_of(operator("POST", "swaps", raw=raw), 400, "malformed-request")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"to_version": None}, "to_version"),
        ({"to_version": "1.0"}, "to_version"),
        ({"to_version": "../etc"}, "to_version"),
        ({"from_version": 1}, "from_version"),
        ({"model_name": "i\x00ris"}, "model_name"),
        ({"reason": "\ud800"}, "reason"),
        ({"drain_timeout_seconds": -1}, "drain_timeout_seconds"),
        ({"drain_timeout_seconds": 10**30}, "drain_timeout_seconds"),
        ({"drain_timeout_seconds": "30"}, "drain_timeout_seconds"),
        ({"load_timeout_seconds": 0}, "load_timeout_seconds"),
        ({"on_drain_timeout": "shrug"}, "on_drain_timeout"),
        ({"when_busy": "maybe"}, "when_busy"),
        ({"strategy": "yolo"}, "strategy"),
        ({"strategy": {"steps": [{"setWeight": 200}]}}, "strategy"),
        ({"drain_timeout": 30}, "drain_timeout"),
    ],
)
def test_a_field_that_cannot_be_is_422_by_name(
    operator: Caller, change: dict[str, object], field: str
) -> None:
    # No such model either: what is wrong with the fields comes first.
    problem = problem_of(operator.post("swaps", SWAP | change), 422, "invalid-request")
    assert any(field in one["field"] for one in problem["errors"]), problem
    assert field in problem["detail"]


@pytest.mark.parametrize("body", [[], "text", 1, None, [SWAP]])
def test_a_body_of_another_shape_is_422(operator: Caller, body: object) -> None:
    response = operator("POST", "swaps", raw=json.dumps(body).encode())
    problem_of(response, 422, "invalid-request")


def test_an_unknown_model_is_404(operator: Caller) -> None:
    problem_of(operator.post("swaps", SWAP), 404, "model-not-found")


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("models/nothing", "model-not-found"),
        ("models/%00", "model-not-found"),
        ("models/nothing/versions/1.0", "model-not-found"),
        ("hosts/nothing", "host-not-found"),
        ("hosts/%00", "host-not-found"),
        (f"swaps/{SOME_ID}", "swap-not-found"),
        (f"swaps/{SOME_ID}/events", "swap-not-found"),
        ("swaps/nonsense", "not-found"),
        ("nonsense", "not-found"),
        ("swaps/", "not-found"),
        ("", "not-found"),
    ],
)
def test_what_is_not_there_is_404(operator: Caller, path: str, code: str) -> None:
    problem_of(operator.get(path), 404, code)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "swaps"),
        ("PUT", f"swaps/{SOME_ID}"),
        ("GET", f"swaps/{SOME_ID}/cancel"),
        ("POST", "models/iris/versions/1.0/drainage"),
        ("POST", "audit"),
        ("POST", "openapi.json"),
    ],
)
def test_another_method_is_405_and_says_which_is_right(
    operator: Caller, method: str, path: str
) -> None:
    response = operator(method, path)
    problem_of(response, 405, "method-not-allowed")
    assert response["Allow"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=99999",
        "limit=x",
        "cursor=nonsense",
        "cursor=%00",
        "cursor=%ff",
        "cursor=WzFd",
        "cursor=WyJhIiwgImIiXQ",
        "state=Paused",
        "model=%00",
    ],
)
def test_a_list_is_bounded(operator: Caller, query: str) -> None:
    problem_of(operator.get(f"swaps?{query}"), 422, "invalid-request")


def test_a_body_that_is_too_large_is_413(operator: Caller) -> None:
    raw = json.dumps(SWAP | {"reason": "x" * 4_000_000}).encode()
    problem_of(operator("POST", "swaps", raw=raw), 413, "request-too-large")


def test_what_the_database_cannot_hold_is_422(administrator: Caller) -> None:
    body = {"name": "iris", "sample_request": {"inputs": "\x00"}}
    problem_of(administrator.post("models", body), 422, "invalid-request")


def test_a_failure_of_ours_says_so_and_tells_nothing(
    operator: Caller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(**_: object) -> None:
        raise RuntimeError("the secret of the database")

    monkeypatch.setattr("swaps.api.router_nodes.read_router", broken)
    problem = problem_of(operator.get("router"), 500, "internal-error")
    assert "secret" not in str(problem)
    assert "the secret of the database" in caplog.text


def test_without_the_database_it_is_503_and_says_when_to_ask_again(
    operator: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(**_: object) -> None:
        raise OperationalError("connection to server at 10.0.0.7 failed")

    monkeypatch.setattr("swaps.api.router_nodes.read_router", away)
    response = operator.get("router")
    problem = problem_of(response, 503, "unavailable")
    assert int(response["Retry-After"]) > 0
    assert "10.0.0.7" not in str(problem)


def test_every_audit_entry_tells_from_where(viewer: Caller) -> None:
    request_id = str(uuid.uuid4())
    viewer("POST", "swaps", SWAP, X_Request_ID=request_id)
    entry = AuditEntry.objects.get()
    assert (entry.source, entry.address, entry.request_id) == ("API", "127.0.0.1", request_id)


@pytest.mark.django_db
def test_the_document_of_the_api_is_open_and_names_every_call() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    paths = document["paths"]
    assert "post" in paths["/api/v1/swaps"]
    for command in ("cancel", "rollback", "pause", "resume", "promote", "extend-drain"):
        assert "post" in paths[f"/api/v1/swaps/{{swap_id}}/{command}"]
    refusal = paths["/api/v1/swaps"]["post"]["responses"]["409"]
    assert list(refusal["content"]) == ["application/problem+json"]
