"""The form that starts a swap, on a real host that is asked for the version."""

import pytest
from django.http import HttpResponse
from django.test import Client

from swaps.models import ServedModel, SwapOperation
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db

GIVEN = {
    "model": "iris",
    "from_version": "1.0",
    "to_version": "1.1",
    "strategy": "canary",
    "drain_timeout_seconds": "45",
    "reason": "retrained on October data",
}


def text(response: HttpResponse) -> str:
    return response.content.decode()


@pytest.mark.usefixtures("iris")
def test_what_serves_is_preselected_and_what_is_found_is_offered(operator: Client) -> None:
    page = text(operator.get("/swaps/new?model=iris"))
    assert '<option value="1.0" selected> 1.0 (100 % of traffic) </option>' in page
    assert '<option value="1.1">available on alpha</option>' in page


@pytest.mark.usefixtures("real_iris")
def test_a_swap_starts_and_its_page_follows(operator: Client) -> None:
    response = operator.post("/swaps/new", GIVEN)
    swap = SwapOperation.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/swaps/{swap.pk}")
    assert (swap.from_version, swap.to_version, swap.requested_by) == ("1.0", "1.1", "operator")
    assert (swap.strategy["name"], swap.drain_timeout_seconds) == ("canary", 45)
    assert swap.reason == "retrained on October data"


@pytest.mark.usefixtures("real_iris")
@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"to_version": ""}, "to_version", "Choose the version to swap to."),
        ({"to_version": "9.9"}, "to_version", "is not on alpha"),
        ({"to_version": "1.0"}, "to_version", "is both the old and the new one"),
        ({"to_version": "Not A Version"}, "to_version", "cannot be a version name"),
        ({"from_version": "1.1", "to_version": "1.2"}, "from_version", "does not hold all traffic"),
        ({"from_version": ""}, "from_version", "serves iris already"),
        ({"drain_timeout_seconds": "soon"}, "drain_timeout_seconds", "whole number of seconds"),
        ({"strategy": "hope"}, "strategy", "No strategy 'hope'"),
        ({"strategy": "custom", "steps": "[" * 10_000}, "steps", "nested too deeply"),
        ({"model": "none"}, "model", "is registered"),
    ],
)
def test_an_error_stands_beside_its_field_and_nothing_typed_is_lost(
    operator: Client, wrong: dict[str, str], field: str, words: str
) -> None:
    response = operator.post("/swaps/new", GIVEN | wrong)
    assert response.status_code == 422
    page = text(response)
    beside = page.split(f'id="{field}-errors"')[1].split("</ul>")[0]
    assert words in beside.replace("&#x27;", "'")
    assert 'value="retrained on October data"' in page
    assert f'value="{wrong.get("drain_timeout_seconds", "45")}"' in page
    assert SwapOperation.objects.count() == 0


def test_a_busy_model_is_refused_with_a_link_to_what_runs(
    operator: Client, iris: ServedModel
) -> None:
    running = a_swap(iris, state="Transitioning")
    response = operator.post("/swaps/new", GIVEN)
    assert response.status_code == 409
    assert "<p>iris has an open swap" in text(response)
    assert f'href="/swaps/{running.pk}"' in text(response)


@pytest.mark.usefixtures("iris")
def test_a_viewer_may_not(viewer: Client) -> None:
    assert viewer.get("/swaps/new").status_code == 403
    response = viewer.post("/swaps/new", GIVEN)
    assert response.status_code == 403
    assert "needs the role operator" in text(response)
    assert SwapOperation.objects.count() == 0


@pytest.mark.usefixtures("real_iris")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "alpha just said: 1.1 is here."),
        ({}, "1.0 holds all traffic."),
        ({}, "unloads 1.0 once it is proven idle"),
        ({}, 'title="sha256:'),
        ({"to_version": "9.9"}, "iris 9.9 is not on alpha"),
        ({"to_version": "1.0"}, "both the old and the new one"),
        ({"from_version": "1.1", "to_version": "1.2"}, "does not hold all traffic"),
        ({"strategy": "custom", "steps": '[{"setWeight": 300}]'}, "weight 300 is not between"),
        ({"strategy": "custom", "steps": "soon"}, "The strategy:"),
        ({"strategy": "custom", "steps": "[" * 10_000}, "The strategy:"),
        ({"strategy": "custom", "steps": '[{"setWeight": 7}, {"pause": {}}]'}, "until promoted"),
        ({"strategy": "canary"}, "3 min"),
        ({"hosts": "gamma"}, "no host gamma is registered"),
        ({"to_version": ""}, "Nothing begins before you press the button"),
    ],
)
def test_the_plan_says_what_would_happen_and_changes_nothing(
    operator: Client, changes: dict[str, str], words: str
) -> None:
    response = operator.get("/swaps/new/plan", GIVEN | changes)
    assert response.status_code == 200
    assert words in text(response).replace("&#x27;", "'")
    assert SwapOperation.objects.count() == 0


@pytest.mark.usefixtures("real_iris")
def test_steps_of_ones_own_begin_with_an_example_and_no_complaint(operator: Client) -> None:
    page = text(operator.get("/swaps/new?model=iris&to_version=1.1&strategy=custom"))
    assert "errors" not in page
    assert "The strategy:" not in page
    assert "<b>10 %</b> for 1 min" in page
    assert ", custom, until promoted" in page


@pytest.mark.usefixtures("real_iris")
def test_the_same_form_sent_twice_starts_one_swap(operator: Client) -> None:
    sent = GIVEN | {"key": "a-key-of-the-form"}
    first, second = operator.post("/swaps/new", sent), operator.post("/swaps/new", sent)
    assert (first.status_code, second.status_code) == (302, 302)
    assert first["Location"] == second["Location"]
    changed = operator.post("/swaps/new", sent | {"reason": "another"})
    assert changed.status_code == 422
    assert "has started a swap already" in text(changed)
    assert SwapOperation.objects.count() == 1


@pytest.mark.usefixtures("real_iris")
def test_steps_and_limits_of_ones_own(operator: Client) -> None:
    own = {
        "strategy": "custom",
        "steps": '[{"setWeight": 10}, {"pause": {}}]',
        "hosts": ["alpha"],
        "on_drain_timeout": "rollback",
        "keep_warm_seconds": "60",
        "load_timeout_seconds": "90",
    }
    assert operator.post("/swaps/new", GIVEN | own).status_code == 302
    swap = SwapOperation.objects.get()
    assert swap.strategy["steps"][0] == {"setWeight": 10}
    assert (swap.target_hosts, swap.on_drain_timeout) == (["alpha"], "rollback")
    assert (swap.keep_warm_seconds, swap.load_timeout_seconds) == (60, 90)


@pytest.mark.usefixtures("real_iris")
def test_only_administrators_may_ask_for_force(operator: Client) -> None:
    response = operator.post("/swaps/new", GIVEN | {"on_drain_timeout": "force"})
    assert response.status_code == 403
    assert SwapOperation.objects.count() == 0


@pytest.mark.usefixtures("real_iris")
def test_a_viewer_is_shown_no_plan(viewer: Client) -> None:
    assert viewer.get("/swaps/new/plan", GIVEN).status_code == 403


@pytest.mark.usefixtures("iris")
@pytest.mark.parametrize("steps", ["[" * 10_000, "[" * 5_000 + "]" * 5_000, "[" * 100_000])
def test_steps_without_end_are_a_sentence_at_every_form(administrator: Client, steps: str) -> None:
    own = {"strategy": "custom", "steps": steps}
    for path, given in (
        ("/swaps/new", GIVEN | own),
        ("/models/new", {"name": "wine", "default_strategy": "custom", "steps": steps}),
        ("/models/iris/edit", {"default_strategy": "custom", "steps": steps}),
    ):
        response = administrator.post(path, given)
        assert response.status_code == 422, path
        beside = text(response).split('id="steps-errors"')[1].split("</ul>")[0]
        assert "nested" in beside or "at most" in beside, path
    for path in ("/swaps/new", "/swaps/new/plan"):
        assert administrator.get(path, GIVEN | own).status_code == 200, path
