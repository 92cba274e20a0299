"""Commands from a swap's page: who has the buttons, what they promise, what is refused."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client

from swaps.domain.strategies import parse_strategy
from swaps.models import AuditEntry, ServedModel, SwapOperation
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db


def text(response: HttpResponse) -> str:
    return response.content.decode()


def confirm(client: Client, swap: SwapOperation, command: str, **fields: str) -> HttpResponse:
    """Press the button, read the dialog, confirm it."""
    return client.post(
        f"/swaps/{swap.pk}/{command}", {"effect": effect_of(client, swap, command), **fields}
    )


def effect_of(client: Client, swap: SwapOperation, command: str) -> str:
    dialog = text(client.get(f"/swaps/{swap.pk}/{command}"))
    found = re.search(r'name="effect" value="([^"]+)"', dialog)
    assert found, "the dialog has no effect to confirm"
    return found[1]


@pytest.fixture
def draining(iris: ServedModel) -> SwapOperation:
    return a_swap(iris, state="OldVersionDraining")


def test_a_viewer_has_no_buttons_and_is_refused_when_posting_by_hand(
    viewer: Client, draining: SwapOperation
) -> None:
    page = text(viewer.get(f"/swaps/{draining.pk}"))
    assert "Roll back" not in page
    assert "Start a swap" not in page
    response = viewer.post(f"/swaps/{draining.pk}/rollback", {})
    assert response.status_code == 403
    assert "needs the role operator" in text(response)
    draining.refresh_from_db()
    assert draining.abort_requested == ""
    assert AuditEntry.objects.get().outcome == "refused"


def test_buttons_are_those_of_the_role_and_say_why_not(
    operator: Client, administrator: Client, draining: SwapOperation
) -> None:
    page = text(operator.get(f"/swaps/{draining.pk}"))
    assert "Roll back…" in page
    assert "traffic has moved already: roll back instead" in page  # cancel
    assert "Force unload" not in page
    assert "Force unload…" in text(administrator.get(f"/swaps/{draining.pk}"))


@pytest.mark.parametrize(
    ("state", "promise"),
    [
        ("LoadingNewVersion", "No traffic has moved: 1.0 keeps serving"),
        ("Transitioning", "100 % of traffic returns to 1.0 at once; 1.1 drains"),
        ("Completed", "A new swap starts, from 1.1 back to 1.0"),
    ],
)
def test_the_dialog_names_the_effect_in_this_state(
    operator: Client, iris: ServedModel, state: str, promise: str
) -> None:
    swap = a_swap(iris, state=state)
    assert promise in text(operator.get(f"/swaps/{swap.pk}/rollback"))


def test_a_confirmed_command_is_done_once_with_its_actor(
    operator: Client, draining: SwapOperation
) -> None:
    before = draining.drain_deadline
    response = confirm(operator, draining, "extend-drain", seconds="90", reason="long batch")
    assert (response.status_code, response["Location"]) == (302, f"/swaps/{draining.pk}")
    draining.refresh_from_db()
    assert draining.drain_deadline is not None
    assert before is not None
    assert round((draining.drain_deadline - before).total_seconds()) == 90
    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.role, entry.source) == ("operator", "operator", "console")
    assert (entry.action, entry.address, entry.reason) == (
        "extend-drain",
        "127.0.0.1",
        "long batch",
    )
    assert entry.request_id


def test_for_htmx_the_answer_is_the_page_as_it_is_now(
    operator: Client, draining: SwapOperation
) -> None:
    path = f"/swaps/{draining.pk}/rollback"
    dialog = operator.get(path, headers={"HX-Request": "true"})
    assert "<html" not in text(dialog)
    response = operator.post(
        path,
        {"effect": effect_of(operator, draining, "rollback")},
        headers={"HX-Request": "true"},
    )
    assert response.status_code == 200
    assert response["HX-Trigger"] == "command-done"
    assert 'id="swap-timeline"' in text(response)
    assert "roll back" in text(response)


def test_what_was_confirmed_for_another_state_is_not_done(
    operator: Client, draining: SwapOperation
) -> None:
    seen = effect_of(operator, draining, "rollback")
    SwapOperation.objects.filter(pk=draining.pk).update(state="Completed")
    response = operator.post(f"/swaps/{draining.pk}/rollback", {"effect": seen})
    assert response.status_code == 409
    assert "went on to Completed meanwhile" in text(response)
    assert SwapOperation.objects.count() == 1


def test_a_refusal_is_words_with_409(operator: Client, draining: SwapOperation) -> None:
    response = confirm(operator, draining, "cancel")
    assert response.status_code == 409
    assert "Traffic has moved already: roll back instead." in text(response)


def test_force_must_be_typed(administrator: Client, draining: SwapOperation) -> None:
    wrong = confirm(administrator, draining, "force-unload", typed="yes")
    assert wrong.status_code == 422
    assert "Type 1.0 to confirm" in text(wrong)
    draining.refresh_from_db()
    assert draining.forced_by == ""
    assert confirm(administrator, draining, "force-unload", typed="1.0").status_code == 302
    draining.refresh_from_db()
    assert draining.forced_by == "administrator"


def test_no_such_command_or_swap_is_not_found(operator: Client, draining: SwapOperation) -> None:
    assert operator.get(f"/swaps/{draining.pk}/explode").status_code == 404
    missing = "00000000-0000-0000-0000-000000000000"
    assert operator.get(f"/swaps/{missing}/rollback").status_code == 404
    assert operator.get(f"/swaps/{missing}").status_code == 404


def test_a_post_from_elsewhere_is_refused(draining: SwapOperation, operator: Client) -> None:
    careful = Client(enforce_csrf_checks=True)
    careful.cookies = operator.cookies
    response = careful.post(f"/swaps/{draining.pk}/rollback", {"effect": "x"})
    assert response.status_code == 403
    assert "Nothing was done" in text(response)


@pytest.mark.parametrize(
    ("command", "fields", "state"),
    [
        ("extend-drain", {"seconds": "60"}, "OldVersionDraining"),
        ("promote", {}, "Transitioning"),
        ("rollback", {}, "Transitioning"),
        ("pause", {}, "Transitioning"),
        ("cancel", {}, "LoadingNewVersion"),
    ],
)
def test_a_double_click_does_one_thing_and_the_second_is_told(
    operator: Client, iris: ServedModel, command: str, fields: dict[str, str], state: str
) -> None:
    swap = a_swap(iris, state=state, strategy=parse_strategy("canary").as_json())
    seen = {"effect": effect_of(operator, swap, command), "state": state, **fields}
    assert operator.post(f"/swaps/{swap.pk}/{command}", seen).status_code == 302
    once = SwapOperation.objects.values().get()
    again = operator.post(f"/swaps/{swap.pk}/{command}", seen)
    assert again.status_code == 409
    assert "another click" in text(again)
    assert SwapOperation.objects.values().get() == once
    assert list(AuditEntry.objects.order_by("pk").values_list("outcome", flat=True)) == [
        "done",
        "refused",
    ]


def test_the_dialog_says_that_a_swap_is_itself_a_roll_back(
    operator: Client, iris: ServedModel
) -> None:
    first = a_swap(iris, state="Completed")
    back = a_swap(iris, from_version="1.1", to_version="1.0", state="Transitioning", reverses=first)
    assert "itself a roll back" not in text(operator.get(f"/swaps/{first.pk}/rollback"))
    dialog = text(operator.get(f"/swaps/{back.pk}/rollback"))
    assert "This swap is itself a roll back" in dialog
    assert "Rolling it back puts 1.1 in service again" in dialog
    assert confirm(operator, back, "rollback").status_code == 302
    back.refresh_from_db()
    assert back.abort_requested == "rollback"
