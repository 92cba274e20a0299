"""Hosts, models, strategies and users are made, changed and deleted over REST."""

from typing import Any

import pytest
from django.http import HttpResponse

from swaps.models import ApiToken, AuditEntry, ModelHost, NamedStrategy, ServedModel
from tests.integration.api.caller import Caller, problem_of
from tests.integration.readings.rows import a_host, a_model, placed

pytestmark = pytest.mark.django_db

PASSWORD = "a long phrase is easy to keep"


def json_of(response: HttpResponse, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()  # type: ignore[attr-defined]


@pytest.fixture
def things(administrator: Caller) -> None:
    """One of each kind, at the paths of EDITS."""
    a_host("alpha", url="http://127.0.0.1:9", control_token="s3cret")
    a_model("iris")
    body: dict[str, Any] = {"name": "careful", "steps": [{"setWeight": 50}]}
    json_of(administrator.post("strategies", body), 201)
    ada = {"username": "ada", "password": PASSWORD, "role": "operator"}
    json_of(administrator.post("users", ada), 201)


EDITS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("hosts/alpha", {"max_concurrent_loads": 3}, {"max_concurrent_loads": 4}),
    ("hosts/alpha", {"idle_timeout_seconds": 2.5}, {"idle_timeout_seconds": 3}),
    ("models/iris", {"keep_warm_seconds": 60}, {"keep_warm_seconds": 61}),
    ("strategies/careful", {"description": "Slowly."}, {"description": "Slower."}),
    ("users/ada", {"role": "viewer"}, {"role": "administrator"}),
]


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(("path", "change", "other"), EDITS)
def test_the_later_of_two_edits_is_told(
    path: str, change: dict[str, Any], other: dict[str, Any], administrator: Caller
) -> None:
    viewed = administrator.get(path)
    etag = viewed["ETag"]
    assert etag == f'"{json_of(viewed)["etag"]}"'
    changed = administrator("PATCH", path, change, If_Match=etag)
    (field,) = change
    assert json_of(changed)[field] == change[field]
    assert changed["ETag"] == administrator.get(path)["ETag"] != etag
    problem = problem_of(administrator("PATCH", path, other, If_Match=etag), 412, "stale")
    assert problem["changed"] == [field]
    # Whoever does not ask for it is not held up; * is any.
    assert json_of(administrator("PATCH", path, other))[field] == other[field]
    assert json_of(administrator("PATCH", path, change, If_Match="*"))[field] == change[field]
    for wrong in ("x", 'W/"x"', '"a", "b"', '""'):
        problem_of(administrator("PATCH", path, change, If_Match=wrong), 422, "invalid-request")


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize(("path", "change", "other"), EDITS)
def test_only_administrators_edit(
    path: str, change: dict[str, Any], other: dict[str, Any], operator: Caller
) -> None:
    problem_of(operator("PATCH", path, change), 403, "forbidden")
    assert AuditEntry.objects.filter(actor="operator-person", outcome="refused").exists()
    if not path.startswith("users"):
        problem_of(operator("DELETE", path), 403, "forbidden")
        json_of(operator.get(path))


@pytest.mark.usefixtures("things")
@pytest.mark.parametrize("path", [path for path, _, _ in EDITS if not path.startswith("users")])
def test_what_nothing_uses_is_deleted(path: str, administrator: Caller) -> None:
    problem_of(administrator("DELETE", path, If_Match='"stale"'), 412, "stale")
    response = administrator("DELETE", path, If_Match=administrator.get(path)["ETag"])
    assert (response.status_code, response.content) == (204, b"")
    code = {"h": "host", "m": "model", "s": "strategy"}[path[0]]
    for method in ("GET", "DELETE"):
        problem_of(administrator(method, path), 404, f"{code}-not-found")
    problem_of(administrator("PATCH", path, {}), 404, f"{code}-not-found")


def test_what_is_in_use_stays(administrator: Caller) -> None:
    host = a_host("alpha", url="http://127.0.0.1:9")
    placed(a_model("iris", weights={"1.0": 100}), "1.0", host)
    for path in ("hosts/alpha", "models/iris"):
        problem = problem_of(administrator("DELETE", path), 409, "in-use")
        assert "iris 1.0" in problem["detail"] or "1.0 serves" in problem["detail"]
    moved = {"url": "http://127.0.0.1:10"}
    problem_of(administrator("PATCH", "hosts/alpha", moved), 409, "in-use")
    careful = {"name": "careful", "steps": [{"setWeight": 50}]}
    json_of(administrator.post("strategies", careful), 201)
    json_of(administrator("PATCH", "models/iris", {"default_strategy": "careful"}))
    problem_of(administrator("DELETE", "strategies/careful"), 409, "in-use")
    json_of(administrator("PATCH", "models/iris", {"default_strategy": None}))
    assert administrator("DELETE", "strategies/careful").status_code == 204
    for count, rows in ((1, ModelHost), (1, ServedModel), (0, NamedStrategy)):
        assert rows.objects.count() == count


@pytest.mark.usefixtures("things")
def test_the_idle_time_of_a_hosts_connections_is_set_and_taken_back(administrator: Caller) -> None:
    def patched(**change: object) -> tuple[object, object]:
        host = json_of(administrator("PATCH", "hosts/alpha", change))
        return host["idle_timeout_seconds"], host["idle_timeout_in_use_seconds"]

    assert patched(max_concurrent_loads=2) == (None, 30), "half of what its kind keeps, at most 30"
    ModelHost.objects.update(measured_keep_alive_seconds=5.0)
    assert patched(idle_timeout_seconds=4) == (4, 4)
    assert patched(max_concurrent_loads=1) == (4, 4), "what is left out stays"
    assert patched(idle_timeout_seconds=None) == (None, 2.5)
    for wrong in (0, -1, 3601, "soon", True):
        change = {"idle_timeout_seconds": wrong}
        problem_of(administrator("PATCH", "hosts/alpha", change), 422, "invalid-request")


@pytest.mark.usefixtures("things")
def test_a_credential_goes_in_and_never_comes_out(administrator: Caller) -> None:
    changed = administrator("PATCH", "hosts/alpha", {"control_token": "n3w"})
    assert json_of(changed)["has_control_token"] is True
    assert json_of(administrator("PATCH", "hosts/alpha", {"control_token": ""})) == json_of(
        administrator.get("hosts/alpha")
    )
    assert json_of(administrator.get("hosts/alpha"))["has_control_token"] is False
    for text in (changed.content.decode(), str(list(AuditEntry.objects.values()))):
        assert "s3cret" not in text
        assert "n3w" not in text


@pytest.mark.usefixtures("things")
def test_a_field_is_set_to_nothing_where_nothing_is_a_value(administrator: Caller) -> None:
    sample = {"inputs": []}
    assert json_of(administrator("PATCH", "models/iris", {"sample_request": sample}))
    assert json_of(administrator("PATCH", "models/iris", {"keep_warm_seconds": None}))[
        "sample_request"
    ] == {"inputs": []}
    emptied = json_of(administrator("PATCH", "models/iris", {"sample_request": None}))
    assert emptied["sample_request"] is None
    problem_of(administrator("PATCH", "models/iris", {"name": "lily"}), 422, "invalid-request")


@pytest.mark.usefixtures("things")
def test_ready_made_strategies_are_read_and_never_changed(
    administrator: Caller, viewer: Caller
) -> None:
    canary = viewer.get("strategies/canary")
    assert json_of(canary)["ready_made"] is True
    assert "ETag" not in canary
    problem_of(administrator("PATCH", "strategies/canary", {}), 404, "strategy-not-found")
    problem_of(administrator("DELETE", "strategies/canary"), 404, "strategy-not-found")
    wrong = {"name": "canary", "steps": [{"setWeight": 50}]}
    problem_of(administrator.post("strategies", wrong), 422, "invalid-request")
    names = [one["name"] for one in json_of(viewer.get("strategies?sort=-name"))["items"]]
    assert names == ["linear", "careful", "canary", "all-at-once"]


@pytest.mark.usefixtures("things")
def test_people_are_let_in_and_put_out(administrator: Caller, operator: Caller) -> None:
    for path in ("users", "users/ada"):
        problem_of(operator.get(path), 403, "forbidden")
    ada = json_of(administrator.get("users/ada"))
    assert (ada["role"], ada["active"], ada["live_tokens"]) == ("operator", True, 0)
    token = json_of(
        administrator.post("tokens", {"name": "ci", "role": "operator", "user": "ada"}), 201
    )["token"]
    assert json_of(administrator.get("users/ada"))["live_tokens"] == 1
    assert json_of(Caller.with_token(token).get("me"))["name"] == "ada"
    assert json_of(administrator("PATCH", "users/ada", {"active": False}))["active"] is False
    problem_of(Caller.with_token(token).get("me"), 401, "unauthorized")
    listed = json_of(administrator.get("users?active=false"))["items"]
    assert [one["username"] for one in listed] == ["ada"]
    weak = {"username": "eve", "password": "12345678", "role": "viewer"}
    problem = problem_of(administrator.post("users", weak), 422, "invalid-request")
    assert problem["errors"][0]["field"] == "password"
    name = administrator.person.get_username()
    problem_of(administrator("PATCH", f"users/{name}", {"role": "viewer"}), 403, "forbidden")
    again = {"username": "ADA", "password": PASSWORD, "role": "viewer"}
    problem_of(administrator.post("users", again), 422, "invalid-request")
    problem_of(administrator.get("users/nobody"), 404, "user-not-found")
    assert PASSWORD not in str(list(AuditEntry.objects.values()))


def test_the_last_administrator_stays(administrator: Caller) -> None:
    other = {"username": "root", "password": PASSWORD, "role": "administrator"}
    json_of(administrator.post("users", other), 201)
    token = json_of(
        administrator.post("tokens", {"name": "x", "role": "administrator", "user": "root"}), 201
    )["token"]
    root, name = Caller.with_token(token), administrator.person.get_username()
    assert json_of(root("PATCH", f"users/{name}", {"active": False}))["active"] is False
    # Nobody can act for `root` but `root`: what is left is the rule about oneself.
    problem_of(root("PATCH", "users/root", {"active": False}), 403, "forbidden")
    assert ApiToken.objects.filter(user__username="root").exists()
