"""Lists: bounded pages, filters, both directions, and cursors that nobody gave out."""

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from swaps.models import SwapOperation
from tests.integration.api.caller import Caller, problem_of
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

pytestmark = pytest.mark.django_db

LISTS = ("hosts", "models", "swaps", "strategies", "tokens", "users", "audit")


def items(caller: Caller, path: str) -> list[dict[str, Any]]:
    response = caller.get(path)
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = json.loads(response.content)["items"]
    return found


def names(caller: Caller, path: str) -> list[str]:
    return [one["name"] for one in items(caller, path)]


def cursor_of(key: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


@pytest.fixture
def fleet(db: None) -> None:
    alpha, beta = a_host("alpha", health="healthy"), a_host("beta", health="unreachable")
    iris, lily = a_model("iris", weights={"1.0": 100}), a_model("lily")
    placed(iris, "1.0", alpha)
    placed(lily, "1.0", beta, status="available")
    placed(lily, "1.1", alpha, status="absent")
    for days, state in ((3, "Completed"), (2, "Failed"), (1, "Transitioning")):
        swap = a_swap(iris, state=state, requested_by=f"person-{days}")
        began = timezone.now() - timedelta(days=days)
        SwapOperation.objects.filter(pk=swap.pk).update(start_time=began)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("hosts", ["alpha", "beta"]),
        ("hosts?sort=-name", ["beta", "alpha"]),
        ("hosts?health=healthy", ["alpha"]),
        ("hosts?kind=bundled&model=lily", ["beta"]),
        ("hosts?kind=magic", []),
        ("models?sort=-name", ["lily", "iris"]),
        ("models?name_contains=ly", ["lily"]),
        ("models?host=alpha", ["iris"]),
        ("models?swapping=true", ["iris"]),
        ("models?swapping=false", ["lily"]),
    ],
)
def test_hosts_and_models_are_filtered_and_sorted(
    path: str, found: list[str], viewer: Caller
) -> None:
    assert names(viewer, path) == found


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", ["Transitioning", "Failed", "Completed"]),
        ("sort=start_time", ["Completed", "Failed", "Transitioning"]),
        ("phase=completed", ["Failed", "Completed"]),
        ("phase=in-progress", ["Transitioning"]),
        ("state=Failed", ["Failed"]),
        ("state=Failed&phase=in-progress", []),
        ("requested_by=person-3", ["Completed"]),
        ("model=lily", []),
        ("since={yesterday}", []),
        ("until={yesterday}&model=iris", ["Transitioning", "Failed", "Completed"]),
    ],
)
def test_swaps_are_filtered_and_sorted(query: str, found: list[str], viewer: Caller) -> None:
    yesterday = (timezone.now() - timedelta(hours=23)).strftime("%Y-%m-%dT%H:%M:%SZ")
    path = f"swaps?{query.format(yesterday=yesterday)}"
    assert [one["state"] for one in items(viewer, path)] == found


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("path", ["swaps?sort=start_time", "swaps", "hosts", "models?sort=-name"])
def test_pages_add_up_to_the_list(path: str, viewer: Caller) -> None:
    whole = items(viewer, path)
    following: str | None = f"/api/v1/{path}{'&' if '?' in path else '?'}limit=1"
    pages: list[dict[str, Any]] = []
    while following is not None:
        page = json.loads(viewer.get(following.removeprefix("/api/v1/")).content)
        pages += page["items"]
        following = page["next"]
        assert len(page["items"]) == 1
    # What ticks, such as a swap's seconds, goes on between the pages.
    assert [_key(one) for one in pages] == [_key(one) for one in whole]


def _key(item: dict[str, Any]) -> Any:
    return item["id"] if "id" in item else item["name"]


def test_a_strategy_names_no_model_that_a_token_does_not_see(administrator: Caller) -> None:
    administrator.post("strategies", {"name": "careful", "steps": [{"setWeight": 50}]})
    for model in ("iris", "wine"):
        administrator.post("models", {"name": model, "default_strategy": "careful"})
    scoped = Caller(name="narrow", models=["iris"])
    assert json.loads(scoped.get("strategies/careful").content)["default_of"] == ["iris"]
    assert [one["default_of"] for one in items(scoped, "strategies")][2] == ["iris"]
    everything = json.loads(administrator.get("strategies/careful").content)
    assert everything["default_of"] == ["iris", "wine"]


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize(
    "cursor",
    [
        "x",
        "%00",
        "é",
        "A" * 500,
        "A" * 501,
        cursor_of("text"),
        cursor_of(["\x00"]),
        cursor_of(["\ud800"]),
        cursor_of([10**30]),
        cursor_of([-(10**30)]),
        cursor_of([[[[[[1]]]]]]),
        cursor_of(["2026-01-01", "x"]),
        cursor_of(["0001-01-01T00:00:00+23:59", "0" * 32]),
        cursor_of([True]),
        "W" * 400,
    ],
)
def test_a_cursor_that_nobody_gave_out_is_no_servers_error(
    path: str, cursor: str, administrator: Caller
) -> None:
    response = administrator.get(f"{path}?cursor={cursor}")
    if response.status_code != 200:  # as it happens, some begin a page that is empty or whole
        problem_of(response, 422, "invalid-request")


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "sort=magic", "stat=Failed"])
def test_what_a_list_does_not_know_is_refused(path: str, query: str, administrator: Caller) -> None:
    problem_of(administrator.get(f"{path}?{query}"), 422, "invalid-request")


def test_tokens_are_filtered_and_sorted(administrator: Caller, viewer: Caller) -> None:
    assert [one["role"] for one in items(administrator, "tokens")] == ["viewer", "administrator"]
    ascending = items(administrator, "tokens?sort=created_at")
    assert [one["role"] for one in ascending] == ["administrator", "viewer"]
    assert [one["user"] for one in items(administrator, "tokens?role=viewer")] == ["viewer-person"]
    gone = ascending[1]["id"]
    administrator("DELETE", f"tokens/{gone}")
    assert [one["id"] for one in items(administrator, "tokens?live=false")] == [gone]
    assert gone not in [one["id"] for one in items(administrator, "tokens?live=true")]
