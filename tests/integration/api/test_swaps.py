"""Swaps over REST, as far as a request goes: the engine's work begins where these end."""

import uuid
from typing import Any

import pytest
from django.http import HttpResponse
from django.utils import timezone

from swaps.models import AuditEntry, ModelHost, ServedModel, SwapOperation
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}

pytestmark = pytest.mark.django_db


def json_of(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content
    return response.json()  # type: ignore[attr-defined]


@pytest.fixture
def alpha(bundled_host: RunningHost, db: None) -> ModelHost:
    return a_host(url=bundled_host.url, control_token=TOKEN)


@pytest.fixture
def iris(alpha: ModelHost) -> ServedModel:
    """1.0 serves on a real host that also has files of 1.1 and 1.2."""
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", alpha)
    return model


@pytest.mark.usefixtures("iris")
def test_a_swap_is_accepted_and_the_next_get_shows_it(operator: Caller, viewer: Caller) -> None:
    response = operator.post("swaps", SWAP | {"strategy": "canary", "reason": "October data"})
    swap = json_of(response, 202)
    assert response["Location"] == f"/api/v1/swaps/{swap['id']}"
    assert (swap["model_name"], swap["from_version"], swap["to_version"]) == ("iris", "1.0", "1.1")
    assert (swap["state"], swap["phase"]) == ("NotStarted", "pending")
    assert (swap["end_time"], swap["error_message"]) == (None, None)
    assert (swap["reason"], swap["requested_by"]) == ("October data", "operator-person")
    assert swap["weights"] == {"requested": {"1.0": 100}, "applied": None, "observed": None}
    assert swap["in_flight"] == {"from": None, "to": None}
    assert len(swap["steps"]) == 7
    shown = json_of(viewer.get(response["Location"].removeprefix("/api/v1/")), 200)
    assert shown["id"] == swap["id"]
    events = json_of(viewer.get(f"swaps/{swap['id']}/events"), 200)
    assert [event["reason"] for event in events["items"]] == ["October data"]
    assert events["next"] is None
    model = json_of(viewer.get("models/iris"), 200)
    assert model["open_swap"] == swap["id"]


@pytest.mark.usefixtures("iris")
def test_another_swap_of_the_model_is_refused_with_the_id_of_the_open_one(
    operator: Caller,
) -> None:
    first = json_of(operator.post("swaps", SWAP), 202)
    response = operator.post("swaps", SWAP)
    problem = problem_of(response, 409, "swap-in-progress")
    assert problem["swap_id"] == first["id"]
    assert int(response["Retry-After"]) > 0
    # It comes before whether the version exists.
    problem_of(operator.post("swaps", SWAP | {"to_version": "9.9"}), 409, "swap-in-progress")


@pytest.mark.usefixtures("iris")
def test_another_swap_is_queued_when_asked(operator: Caller) -> None:
    json_of(operator.post("swaps", SWAP), 202)
    chained = {"model_name": "iris", "from_version": "1.1", "to_version": "1.2"}
    queued = json_of(operator.post("swaps", chained | {"when_busy": "queue"}), 202)
    assert (queued["state"], queued["queue_position"]) == ("NotStarted", 1)
    assert queued["waiting_for"].startswith("Waiting in line")
    assert json_of(operator.get("models/iris"), 200)["queue"][0]["id"] == queued["id"]


@pytest.mark.usefixtures("iris")
def test_a_version_no_host_has_is_422_and_an_inactive_source_409(operator: Caller) -> None:
    problem = problem_of(
        operator.post("swaps", SWAP | {"to_version": "9.9"}), 422, "version-not-found"
    )
    assert "alpha" in problem["detail"]
    problem_of(operator.post("swaps", SWAP | {"from_version": "1.2"}), 409, "version-not-active")
    # Existence comes first.
    both = SWAP | {"from_version": "1.2", "to_version": "9.9"}
    problem_of(operator.post("swaps", both), 422, "version-not-found")
    assert not SwapOperation.objects.exists()
    assert AuditEntry.objects.filter(outcome="refused").count() == 3


@pytest.mark.usefixtures("iris")
def test_a_host_that_does_not_answer_is_503(operator: Caller) -> None:
    ModelHost.objects.update(url="http://127.0.0.1:9")  # nothing listens on discard
    response = operator.post("swaps", SWAP)
    problem_of(response, 503, "host-unreachable")
    assert int(response["Retry-After"]) > 0


@pytest.mark.usefixtures("iris")
def test_asking_twice_with_one_key_swaps_once(operator: Caller, administrator: Caller) -> None:
    first = json_of(operator.post("swaps", SWAP, Idempotency_Key="deploy-7"), 202)
    again = operator.post("swaps", SWAP, Idempotency_Key="deploy-7")
    assert json_of(again, 202)["id"] == first["id"]
    assert again["Location"].endswith(first["id"])
    assert SwapOperation.objects.count() == 1
    other = SWAP | {"reason": "something else"}
    problem = problem_of(
        operator.post("swaps", other, Idempotency_Key="deploy-7"), 422, "invalid-request"
    )
    assert "deploy-7" in problem["detail"]
    # The key is the actor's own.
    problem_of(
        administrator.post("swaps", SWAP, Idempotency_Key="deploy-7"), 409, "swap-in-progress"
    )
    problem_of(operator.post("swaps", SWAP, Idempotency_Key=""), 422, "invalid-request")


@pytest.mark.usefixtures("iris")
def test_a_key_of_a_refused_request_may_be_used_again(operator: Caller) -> None:
    missing = SWAP | {"to_version": "9.9"}
    problem_of(operator.post("swaps", missing, Idempotency_Key="k"), 422, "version-not-found")
    json_of(operator.post("swaps", SWAP, Idempotency_Key="k"), 202)


@pytest.mark.usefixtures("iris")
def test_commands_are_accepted_or_refused_with_the_reason(operator: Caller) -> None:
    swap = json_of(operator.post("swaps", SWAP), 202)
    response = operator.post(f"swaps/{swap['id']}/pause")
    problem = problem_of(response, 409, "not-possible-now")
    assert "NotStarted" in problem["detail"]
    cancelled = operator.post(f"swaps/{swap['id']}/cancel", {"reason": "wrong day"})
    assert json_of(cancelled, 202)["id"] == swap["id"]
    events = json_of(operator.get(f"swaps/{swap['id']}/events"), 200)["items"]
    assert events[-1]["kind"] == "command"
    assert "wrong day" in events[-1]["reason"]


def test_a_command_that_will_be_possible_says_when_to_ask_again(operator: Caller) -> None:
    swap = a_swap(a_model(), state="OldVersionDraining", past_return_at=timezone.now())
    response = operator.post(f"swaps/{swap.pk}/rollback")
    problem_of(response, 409, "not-possible-now")
    assert int(response["Retry-After"]) > 0


@pytest.mark.parametrize(
    ("command", "body"), [("promote", {"full": True}), ("promote", {}), ("pause", None)]
)
def test_commands_with_and_without_a_body(
    operator: Caller, command: str, body: dict[str, Any] | None
) -> None:
    swap = a_swap(a_model(), state="Transitioning")
    json_of(operator.post(f"swaps/{swap.pk}/{command}", body), 202)
    swap.refresh_from_db()
    assert swap.promoted_full is bool(body and body.get("full"))


@pytest.mark.parametrize(
    ("command", "state"),
    [
        ("pause", "Transitioning"),
        ("resume", "Transitioning"),
        ("promote", "Transitioning"),
        ("rollback", "Transitioning"),
        ("cancel", "LoadingNewVersion"),
        ("extend-drain", "OldVersionDraining"),
        ("force-unload", "OldVersionDraining"),
        ("roll-forward", "RollingBack"),
    ],
)
def test_every_command_takes_what_was_seen_in_the_words_of_the_reading(
    administrator: Caller, command: str, state: str
) -> None:
    swap = a_swap(a_model(), state=state, generation=7, revision=1)
    past = [{"generation": 6}, {"state": "NotStarted"}, {"state": state, "step_index": 3}]
    for seen in past:
        refused = administrator.post(f"swaps/{swap.pk}/{command}", {"seen": seen})
        detail = problem_of(refused, 409, "not-possible-now")["detail"]
        assert "is not as you saw it" in detail
    reading = json_of(administrator.get(f"swaps/{swap.pk}"), 200)
    seen = {name: reading[name] for name in ("generation", "state", "step_index")}
    if command != "roll-forward":  # which asks more of the swap than these rows have
        json_of(administrator.post(f"swaps/{swap.pk}/{command}", {"seen": seen}), 202)
    for wrong in ({"state": "Nowhere"}, {"step": 1}, {"generation": -1}, "step 2"):
        answer = administrator.post(f"swaps/{swap.pk}/{command}", {"seen": wrong})
        problem_of(answer, 422, "invalid-request")


def test_a_promote_that_names_no_step_is_refused_right_after_a_hold(operator: Caller) -> None:
    swap = a_swap(
        a_model(),
        state="Transitioning",
        strategy={"steps": [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]},
        step_index=3,
        promoted_steps=2,
        step_entered_at=timezone.now(),
    )
    detail = problem_of(operator.post(f"swaps/{swap.pk}/promote"), 409, "not-possible-now")[
        "detail"
    ]
    assert 'name it: "seen": {"step_index": 3} (--step 4)' in detail
    json_of(operator.post(f"swaps/{swap.pk}/promote", {"seen": {"step_index": 3}}), 202)


def test_a_roll_back_of_a_roll_back_wants_a_word(operator: Caller) -> None:
    model = a_model()
    first = a_swap(model, state="Completed")
    back = a_swap(
        model, from_version="1.1", to_version="1.0", state="Transitioning", reverses=first
    )
    refused = problem_of(operator.post(f"swaps/{back.pk}/rollback"), 409, "not-possible-now")
    assert '"of_rollback": true' in refused["detail"]
    json_of(operator.post(f"swaps/{back.pk}/rollback", {"of_rollback": True}), 202)


def test_extending_a_drain_by_seconds(operator: Caller) -> None:
    swap = a_swap(a_model(), state="OldVersionDraining")
    problem_of(
        operator.post(f"swaps/{swap.pk}/extend-drain", {"seconds": 0}), 422, "invalid-request"
    )
    problem_of(
        operator.post(f"swaps/{swap.pk}/extend-drain", {"minutes": 1}), 422, "invalid-request"
    )
    before = swap.drain_deadline
    json_of(operator.post(f"swaps/{swap.pk}/extend-drain", {"seconds": 600}), 202)
    swap.refresh_from_db()
    assert before is not None
    assert swap.drain_deadline is not None
    assert (swap.drain_deadline - before).total_seconds() >= 599


def test_lists_go_on_by_their_next_path(viewer: Caller) -> None:
    model = a_model()
    made = {str(a_swap(model, queued=True).pk) for _ in range(5)}
    seen: list[str] = []
    path: str | None = "/api/v1/swaps?model=iris&limit=2"
    while path is not None:
        page = json_of(viewer.get(path.removeprefix("/api/v1/")), 200)
        seen += [swap["id"] for swap in page["items"]]
        path = page["next"]
    assert len(seen) == 5
    assert set(seen) == made
    assert json_of(viewer.get("swaps?state=Completed"), 200) == {"items": [], "next": None}


def test_activation_makes_a_swap_from_nothing(operator: Caller, alpha: ModelHost) -> None:
    a_model("iris")
    problem_of(operator.post("models/iris/versions/9.9/activate"), 422, "version-not-found")
    swap = json_of(operator.post("models/iris/versions/1.0/activate"), 202)
    assert (swap["from_version"], swap["to_version"]) == (None, "1.0")
    problem_of(operator.post("models/nothing/versions/1.0/activate"), 404, "model-not-found")


@pytest.mark.usefixtures("iris")
def test_activating_what_serves_changes_nothing(operator: Caller) -> None:
    version = json_of(operator.post("models/iris/versions/1.0/activate"), 200)
    assert (version["version"], version["active"], version["weight"]) == ("1.0", True, 100)
    problem_of(operator.post("models/iris/versions/1.1/activate"), 409, "already-active")
    assert not SwapOperation.objects.exists()


def test_ids_are_found_in_any_case(viewer: Caller) -> None:
    swap = a_swap(a_model())
    assert json_of(viewer.get(f"swaps/{swap.pk}"), 200)["id"] == str(swap.pk)
    problem_of(viewer.get(f"swaps/{uuid.uuid4()}"), 404, "swap-not-found")
