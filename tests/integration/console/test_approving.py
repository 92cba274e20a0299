"""A protected model's swap at the console: seen by all, decided by a second person."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from swaps.access.roles import Role
from swaps.domain.states import SwapState
from swaps.models import ServedModel, SwapOperation
from tests.given.people import INLINE, a_person
from tests.integration.console.test_start_swap import GIVEN

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked_for(real_iris: ServedModel, operator: Client) -> SwapOperation:
    """By the operator."""
    ServedModel.objects.update(protected=True)
    plan = operator.get(reverse("swap-plan"), GIVEN)
    assert "the swap waits until a second person approves it" in plan.content.decode()
    operator.post(reverse("start-swap"), GIVEN)
    return SwapOperation.objects.get()


@pytest.fixture
def peter(db: None) -> Client:
    client = Client()
    client.force_login(a_person(Role.OPERATOR, "peter"))
    return client


def address(swap: SwapOperation, verdict: str) -> str:
    return reverse("decide", kwargs={"swap_id": swap.pk, "verdict": verdict})


def page_of(client: Client, path: str, status: int = 200) -> str:
    response: HttpResponse = client.get(path)
    assert response.status_code == status, response.content
    html = response.content.decode()
    assert not INLINE.search(html)
    return html


def test_all_see_what_it_froze_and_only_who_may_gets_buttons(
    asked_for: SwapOperation, peter: Client, viewer: Client
) -> None:
    path = reverse("swap", args=[asked_for.pk])
    for client, buttons in ((peter, True), (viewer, False)):
        html = page_of(client, path)
        assert "somebody other than operator must approve" in html
        assert "drain timeout seconds" in html
        assert (address(asked_for, "approve") in html) is buttons
        assert "aits for the approval of a second person" in page_of(client, reverse("overview"))


def test_another_person_approves_what_they_read(asked_for: SwapOperation, peter: Client) -> None:
    html = page_of(peter, address(asked_for, "approve"))
    digest = html.split('name="inputs_digest" value="')[1][:64]
    changed = peter.post(address(asked_for, "approve"), {"inputs_digest": "0" * 64})
    assert changed.status_code == 409
    assert "not what you looked at" in changed.content.decode()

    done = peter.post(address(asked_for, "approve"), {"inputs_digest": digest})
    assert (done.status_code, done["Location"]) == (302, reverse("swap", args=[asked_for.pk]))
    assert "Approved by peter" in page_of(peter, done["Location"])
    asked_for.refresh_from_db()
    assert not asked_for.queued


def test_rejecting_asks_for_a_reason(asked_for: SwapOperation, peter: Client) -> None:
    path = address(asked_for, "reject")
    refused = peter.post(path, {"reason": " "})
    assert (refused.status_code, "Say why" in refused.content.decode()) == (422, True)
    inside = peter.post(path, {"reason": "worse on our data"}, headers={"HX-Request": "true"})
    assert inside["HX-Redirect"] == reverse("swap", args=[asked_for.pk])
    asked_for.refresh_from_db()
    assert asked_for.state == SwapState.CANCELLED


def test_nobody_decides_on_their_own(
    asked_for: SwapOperation, operator: Client, viewer: Client
) -> None:
    for client, words in ((operator, "is no second person"), (viewer, "needs the role operator")):
        html = page_of(client, address(asked_for, "approve"), 403)
        assert words in html
        assert '<button class="primary"' not in html
        assert client.post(address(asked_for, "reject"), {"reason": "x"}).status_code == 403
    asked_for.refresh_from_db()
    assert asked_for.state == SwapState.NOT_STARTED


def test_a_swap_without_protection_has_nothing_to_decide(
    real_iris: ServedModel, signed_in: Callable[[Role | None], Client]
) -> None:
    client = signed_in(Role.OPERATOR)
    client.post(reverse("start-swap"), GIVEN)
    page_of(client, address(SwapOperation.objects.get(), "approve"), 404)
