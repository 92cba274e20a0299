"""A token for some models: whatever is of another model does not exist for it."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from pytest_django import Settings

from swaps.access.roles import Role
from swaps.models import ServedModel, SwapEvent, SwapOperation
from swaps.readings.audit import stream as audit_stream
from swaps.readings.shared import looks
from tests.exposition import sample
from tests.integration.api.caller import Caller, problem_of
from tests.integration.readings.rows import (
    a_cluster,
    a_host,
    a_model,
    a_node,
    a_swap,
    acked,
    placed,
    shows,
)

pytestmark = pytest.mark.django_db

HIDDEN = "wine"
# Not for a token that is for some models only.
NOT_FOR_SCOPED = {
    "/api/v1/tokens",
    "/api/v1/tokens/{token_id}",
    "/api/v1/users",
    "/api/v1/users/{username}",
}


@pytest.fixture
def hidden(db: None) -> SwapOperation:
    """Two models alike, on one host and one node; the answer is the swap of the hidden one."""
    alpha, node = a_host("alpha"), a_node()
    gauges = {}
    for name in ("iris", HIDDEN):
        model = a_model(name, weights={"1.0": 100})
        placed(model, "1.0", alpha)
        gauges[a_cluster(model, "1.0").name] = {"active": 3, "total": 9}
        acked(node, model, 1)
        swap = a_swap(model, state="Transitioning", waiting_for=f"something of {name}")
        SwapEvent.objects.create(
            swap=swap, generation=0, kind="created", to_state="NotStarted", actor="x", source="API"
        )
    node.nack = f"cluster {HIDDEN} refused"
    node.save()
    shows(node, **gauges)  # type: ignore[arg-type]
    return SwapOperation.objects.get(model__name=HIDDEN)


@pytest.fixture
def scoped(db: None) -> Caller:
    return Caller(Role.ADMINISTRATOR, models=["iris"])


def documented_gets() -> list[str]:
    document = Client().get("/api/v1/openapi.json").json()
    return sorted(path for path, calls in document["paths"].items() if "get" in calls)


# The drainage call looks by a connection of its own: what it is to see must be committed.
@pytest.mark.django_db(transaction=True)
def test_no_reading_shows_another_model(hidden: SwapOperation, scoped: Caller) -> None:
    """Every GET of the document, also those added later: asked with the hidden names, and none."""
    known = {
        "{model}": HIDDEN,
        "{version}": "1.0",
        "{swap_id}": str(hidden.pk),
        "hosts/{name}": "hosts/alpha",
        "strategies/{name}": "strategies/canary",
    }
    wide = Caller(Role.ADMINISTRATOR, "ada")
    for path in documented_gets():
        if path in NOT_FOR_SCOPED:
            continue
        for pattern, value in known.items():
            path = path.replace(pattern, value)
        if "{" in path:
            continue
        waits = "?timeout_seconds=0" if path.endswith("drainage") else ""
        call = path.removeprefix("/api/v1/") + waits
        if HIDDEN in path or str(hidden.pk) in path:
            assert scoped.get(call).status_code == 404, path
            assert wide.get(call).status_code != 404, f"{path} would be 404 for anybody"
        else:
            answer = scoped.get(call)
            assert answer.status_code == 200, path
            assert HIDDEN not in whole(answer), path
    for thread in (looks.thread, audit_stream.thread):
        thread.submit(connections.close_all).result()


def whole(answer: HttpResponse | StreamingHttpResponse) -> str:
    if not isinstance(answer, StreamingHttpResponse):
        return answer.content.decode()

    async def read() -> bytes:
        return b"".join([part async for part in answer])

    return async_to_sync(read)().decode()


def test_its_own_model_is_all_there(hidden: SwapOperation, scoped: Caller) -> None:
    names = [one["name"] for one in _json(scoped.get("models"))["items"]]
    assert names == ["iris"]
    swaps = _json(scoped.get("swaps"))["items"]
    assert [swap["model_name"] for swap in swaps] == ["iris"]
    assert _json(scoped.get(f"swaps/{swaps[0]['id']}"))["model_name"] == "iris"
    assert _json(scoped.get("hosts/alpha"))["versions"][0]["model"] == "iris"
    assert [route["model"] for route in _json(scoped.get("router"))["routes"]] == ["iris"]
    assert _json(scoped.get("swaps?model=wine"))["items"] == []


def test_nothing_is_done_to_another_model(hidden: SwapOperation, scoped: Caller) -> None:
    swap = {"model_name": HIDDEN, "from_version": "1.0", "to_version": "1.1"}
    refusal = problem_of(scoped.post("swaps", swap), 403, "forbidden")
    assert refusal["detail"] == "this token is for iris, not for wine"
    # The same for a model that nobody ever registered: nothing can be learnt from it.
    other = problem_of(scoped.post("swaps", swap | {"model_name": "rose"}), 403, "forbidden")
    assert other["detail"] == "this token is for iris, not for rose"
    for command in ("cancel", "rollback", "pause", "promote", "extend-drain", "force-unload"):
        problem_of(scoped.post(f"swaps/{hidden.pk}/{command}"), 404, "swap-not-found")
    path = f"models/{HIDDEN}/versions/1.1/activate"
    problem_of(scoped.post(path), 404, "model-not-found")
    problem_of(scoped.post("models", {"name": "rose"}), 403, "forbidden")
    problem_of(scoped.post(f"models/{HIDDEN}/queue/release"), 403, "forbidden")
    problem_of(scoped.post("hosts/alpha/check"), 403, "forbidden")
    hidden.refresh_from_db()
    assert hidden.generation == 0
    assert not ServedModel.objects.filter(name="rose").exists()


def test_metrics_too(hidden: SwapOperation, scoped: Caller) -> None:
    bearer = {"Authorization": f"Bearer {scoped.token}"}
    text = Client().get("/metrics", headers=bearer).content.decode()
    assert HIDDEN not in text
    assert sample(text, "hotswap_weight_percent", model="iris", version="1.0") == 100
    assert sample(text, "hotswap_swaps", state="Transitioning") == 1
    assert HIDDEN in Client().get("/metrics").content.decode()


def test_metrics_can_be_closed(hidden: SwapOperation, scoped: Caller, settings: Settings) -> None:
    problem_of(
        Client().get("/metrics", headers={"Authorization": "Bearer hs_x"}), 401, "unauthorized"
    )
    settings.OPEN_METRICS = False
    problem_of(Client().get("/metrics"), 401, "unauthorized")
    bearer = {"Authorization": f"Bearer {scoped.token}"}
    assert Client().get("/metrics", headers=bearer).status_code == 200


def _json(response: Any) -> Any:
    assert response.status_code == 200, response.content
    return response.json()
