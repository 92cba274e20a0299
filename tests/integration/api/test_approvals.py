"""Protected models over REST: who asks, who approves, and who gives a protection up."""

from typing import Any

import pytest
from django.http import HttpResponse

from swaps.access.roles import Role
from swaps.models import ModelHost, ServedModel
from tests.integration.api.caller import Caller, problem_of
from tests.integration.bundled_host.running import TOKEN, RunningHost
from tests.integration.readings.rows import a_host, a_model, placed

SWAP = {"model_name": "iris", "from_version": "1.0", "to_version": "1.1"}

pytestmark = pytest.mark.django_db


def json_of(response: HttpResponse, status: int) -> Any:
    assert response.status_code == status, response.content
    return response.json()  # type: ignore[attr-defined]


@pytest.fixture
def iris(bundled_host: RunningHost, administrator: Caller) -> ServedModel:
    """Protected. 1.0 serves on a real host that also has files of 1.1."""
    host: ModelHost = a_host(url=bundled_host.url, control_token=TOKEN)
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", host)
    assert json_of(administrator.post("models/iris/protect"), 200)["protected"] is True
    return model


@pytest.fixture
def peter(db: None) -> Caller:
    return Caller(Role.OPERATOR, "peter")


@pytest.mark.usefixtures("iris")
def test_a_swap_waits_and_another_person_approves_what_it_froze(
    operator: Caller, peter: Caller
) -> None:
    swap = json_of(operator.post("swaps", SWAP | {"reason": "October data"}), 202)
    approval = swap["approval"]
    assert (approval["status"], approval["asked_by"]) == ("waiting", "operator-person")
    assert approval["inputs"]["reason"] == "October data"
    assert approval["inputs"]["digests"].keys() == {"alpha"}
    model = json_of(operator.get("models/iris"), 200)
    assert model["open_swap"] is None
    assert [(one["id"], one["waits_for_approval"]) for one in model["queue"]] == [
        (swap["id"], True)
    ]

    path = f"swaps/{swap['id']}/approve"
    body = {"inputs_digest": approval["inputs_digest"], "reason": "looks right"}
    problem_of(peter.post(path), 422, "invalid-request")
    problem_of(peter.post(path, body | {"inputs_digest": "0" * 64}), 412, "stale")
    problem_of(operator.post(path, body), 403, "forbidden")

    approved = json_of(peter.post(path, body), 202)
    assert approved["approval"]["status"] == "approved"
    assert [
        (one["by"], one["verdict"], one["counts"], one["reason"])
        for one in approved["approval"]["decisions"]
    ] == [("peter", "approved", True, "looks right")]
    assert json_of(operator.get("models/iris"), 200)["open_swap"] == swap["id"]
    problem_of(peter.post(path, body), 409, "not-possible-now")


@pytest.mark.usefixtures("iris")
def test_rejecting_ends_it_and_needs_a_reason(operator: Caller, peter: Caller) -> None:
    swap = json_of(operator.post("swaps", SWAP), 202)
    path = f"swaps/{swap['id']}/reject"
    problem_of(peter.post(path, {"reason": ""}), 422, "invalid-request")
    rejected = json_of(peter.post(path, {"reason": "worse on our data"}), 202)
    assert (rejected["state"], rejected["approval"]["status"]) == ("Cancelled", "rejected")
    events = json_of(operator.get(f"swaps/{swap['id']}/events"), 200)["items"]
    assert events[-1]["reason"] == "rejected: worse on our data"


@pytest.mark.usefixtures("iris")
def test_tokens_do_not_make_two_people_of_one(administrator: Caller) -> None:
    """Neither one that she made for another, nor one that was made with that one."""

    def made_with(caller: Caller, name: str, user: str) -> Caller:
        body = {"name": name, "role": "administrator", "user": user}
        return Caller.with_token(json_of(caller.post("tokens", body), 201)["token"])

    other = Caller(Role.ADMINISTRATOR, "grace")
    third = Caller(Role.ADMINISTRATOR, "ada")
    as_grace = made_with(administrator, "for grace", "grace")
    as_ada = made_with(as_grace, "made by a token for grace", "ada")
    swap = json_of(administrator.post("swaps", SWAP), 202)
    body = {"inputs_digest": swap["approval"]["inputs_digest"]}
    for caller in (as_grace, as_ada):
        problem_of(caller.post(f"swaps/{swap['id']}/approve", body), 403, "forbidden")

    json_of(administrator.post("models/iris/unprotect"), 202)
    for caller in (as_grace, as_ada):
        assert json_of(caller.post("models/iris/unprotect"), 202)["protected"] is True
    json_of(third.post(f"swaps/{swap['id']}/approve", body), 202)
    assert json_of(other.post("models/iris/unprotect"), 200)["protected"] is False


@pytest.mark.usefixtures("iris")
def test_unprotecting_is_pending_in_sight_and_can_be_taken_back(
    operator: Caller, administrator: Caller
) -> None:
    problem_of(operator.post("models/iris/unprotect"), 403, "forbidden")
    asked = json_of(administrator.post("models/iris/unprotect", {"reason": "no need"}), 202)
    assert asked["protected"] is True
    shown = json_of(operator.get("models/iris"), 200)["unprotect_request"]
    assert (shown["asked_by"], shown["reason"]) == ("administrator-person", "no need")
    assert json_of(administrator.post("models/iris/protect"), 200)["unprotect_request"] is None
    problem_of(administrator.post("models/none/protect"), 404, "model-not-found")


def test_what_is_not_protected_needs_no_approval(
    iris: ServedModel, operator: Caller, peter: Caller
) -> None:
    ServedModel.objects.update(protected=False)
    swap = json_of(operator.post("swaps", SWAP), 202)
    assert swap["approval"] is None
    body = {"inputs_digest": "0" * 64}
    problem_of(peter.post(f"swaps/{swap['id']}/approve", body), 409, "not-possible-now")
    problem_of(administrator_unprotects(), 409, "not-possible-now")


def administrator_unprotects() -> HttpResponse:
    return Caller(Role.ADMINISTRATOR, "grace").post("models/iris/unprotect")
