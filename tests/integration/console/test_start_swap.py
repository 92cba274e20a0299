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
    assert '<option value="1.0" selected>1.0 (100 % of traffic)</option>' in page
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
    assert response.status_code == 422
    assert "<p>iris has an open swap" in text(response)
    assert f'href="/swaps/{running.pk}"' in text(response)


@pytest.mark.usefixtures("iris")
def test_a_viewer_may_not(viewer: Client) -> None:
    assert viewer.get("/swaps/new").status_code == 403
    response = viewer.post("/swaps/new", GIVEN)
    assert response.status_code == 403
    assert "needs the role operator" in text(response)
    assert SwapOperation.objects.count() == 0
