"""Swaps, events and the audit log are looked at; starting and rolling back go by the one door."""

from collections.abc import Callable

import pytest
from django.apps import apps
from django.contrib.auth.models import Group, User
from django.db.models import Model
from django.test import Client

from swaps.access.roles import Role
from swaps.admin.site import site
from swaps.domain.states import SwapState
from swaps.models import (
    ApiToken,
    AuditEntry,
    NamedStrategy,
    Placement,
    ServedModel,
    SwapEvent,
    SwapOperation,
)
from tests.given.people import INLINE, a_person
from tests.integration.admin.clicking import address, errors_of, press, submit

pytestmark = pytest.mark.django_db

PEOPLES = {ApiToken, User}  # whom they concern is the administrators' to know


@pytest.fixture
def swap(real_iris: ServedModel, operator: Client) -> SwapOperation:
    """Started at the admin."""
    response = submit(
        operator,
        address(SwapOperation, "add"),
        model=real_iris.pk,
        from_version="1.0",
        to_version="1.1",
        how="canary",
        reason="October data",
    )
    assert response.status_code == 302, errors_of(response)
    return SwapOperation.objects.get()


def kinds() -> list[type[Model]]:
    return [kind for kind in apps.get_models() if site.is_registered(kind)]


def rows_of_all() -> list[Model]:
    NamedStrategy.objects.create(name="careful", steps=[{"setWeight": 5}])
    ApiToken.objects.create(name="ci", user=a_person(Role.VIEWER, "ci"), prefix="hs_1", digest="1")
    found = [kind.objects.first() for kind in kinds()]
    assert all(found), found
    return [row for row in found if row is not None]


def test_a_swap_is_started_by_the_one_door(swap: SwapOperation) -> None:
    assert (swap.state, swap.requested_by) == (SwapState.NOT_STARTED, "operator")
    assert swap.strategy["name"] == "canary"
    entry = AuditEntry.objects.get(action="swap")
    assert (entry.source, entry.reason, entry.swap) == ("admin", "October data", swap.pk)


def test_what_cannot_be_started_is_said_beside_the_field(
    real_iris: ServedModel, operator: Client
) -> None:
    add = address(SwapOperation, "add")
    for typed, words in (
        ({"from_version": "1.0", "to_version": "9.9"}, "is not on alpha"),
        ({"from_version": "1.0", "to_version": "1.0"}, "is both the old and the new one"),
    ):
        response = submit(operator, add, model=real_iris.pk, **typed)
        assert words in errors_of(response)["to_version"]
    assert not SwapOperation.objects.exists()


def test_a_swap_is_rolled_back_from_the_list_and_from_its_page(
    swap: SwapOperation, operator: Client
) -> None:
    page = address(swap, "change")
    assert "Roll back" in operator.get(page).content.decode()
    operator.post(page, {"CHANGE_FORM-action": "roll_back", "_selected_action": str(swap.pk)})
    swap.refresh_from_db()
    assert swap.abort_requested == "rollback"
    assert AuditEntry.objects.filter(action="rollback", source="admin", outcome="done").exists()
    SwapOperation.objects.update(state=SwapState.FAILED)
    assert "nothing to roll back" in press(operator, "roll_back", swap)


@pytest.mark.parametrize("role", [*Role, None])
def test_each_page_is_for_whom_it_concerns_and_runs_no_inline_script(
    swap: SwapOperation, signed_in: Callable[[Role | None], Client], role: Role | None
) -> None:
    client = Client()
    client.force_login(a_person(role, "somebody"))
    for row in rows_of_all():
        concerned = role is Role.ADMINISTRATOR or (role and type(row) not in PEOPLES)
        for where in (address(type(row)), address(row, "change")):
            response = client.get(where, follow=True)
            assert response.status_code == (200 if concerned else 403), (where, role)
            if concerned:
                assert not INLINE.search(response.content.decode()), where


def test_nothing_that_the_engine_writes_can_be_edited(
    swap: SwapOperation, administrator: Client
) -> None:
    for row in (
        swap,
        SwapEvent.objects.get(),
        Placement.objects.first(),
        AuditEntry.objects.first(),
    ):
        assert row is not None
        before = type(row).objects.filter(pk=row.pk).values().get()
        for where in (address(row, "change"), address(row, "delete")):
            response = administrator.post(where, {"post": "yes", "state": "Completed"})
            assert response.status_code == 403, where
        assert type(row).objects.filter(pk=row.pk).values().get() == before
        if not isinstance(row, SwapOperation):
            assert administrator.get(address(type(row), "add")).status_code == 403
    assert AuditEntry.objects.filter(outcome="refused", source="admin").count() >= 2


def test_a_viewer_changes_nothing_and_what_they_tried_is_recorded(
    swap: SwapOperation, viewer: Client
) -> None:
    model = ServedModel.objects.get()
    for kind in (ServedModel, SwapOperation, NamedStrategy):
        assert viewer.post(address(kind, "add"), {"name": "wine"}).status_code == 403
    assert viewer.post(address(model, "change"), {"keep_warm_seconds": "9"}).status_code == 403
    for button, row in (("protect", model), ("roll_back", swap), ("delete_each", model)):
        page = viewer.post(address(type(row)), {"action": button, "_selected_action": [row.pk]})
        assert page.status_code == 403
    model.refresh_from_db()
    swap.refresh_from_db()
    assert (model.protected, model.keep_warm_seconds, swap.abort_requested) == (False, 0, "")
    refused = AuditEntry.objects.filter(outcome="refused", actor="viewer", source="admin")
    assert {"manage-models", "swap", "protect", "rollback"} <= set(
        refused.values_list("action", flat=True)
    )


def test_objects_lead_to_one_another(swap: SwapOperation, viewer: Client) -> None:
    model, placement = ServedModel.objects.get(), Placement.objects.first()
    assert placement is not None
    ways: tuple[tuple[str, str], ...] = (
        (address(placement, "change"), address(placement.host, "change")),
        (address(placement, "change"), address(model, "change")),
        (address(swap, "change"), address(model, "change")),
    )
    for here, there in ways:
        assert f'href="{there}"' in viewer.get(here).content.decode()
    lists = (
        (placement.host, f"{address(Placement)}?host__id__exact={placement.host.pk}"),
        (model, f"{address(Placement)}?model__id__exact={model.pk}"),
        (model, f"{address(SwapOperation)}?model__id__exact={model.pk}"),
        (model, f"{address(AuditEntry)}?object_kind=model&amp;object_name=iris"),
        (swap, f"{address(SwapEvent)}?swap__id__exact={swap.pk}"),
        (swap, f"{address(AuditEntry)}?swap={swap.pk}"),
    )
    for row, there in lists:
        assert f'href="{there}"' in viewer.get(address(row, "change")).content.decode()
        assert viewer.get(there.replace("&amp;", "&")).status_code == 200
    assert viewer.get(address(model, "history"))["Location"].endswith("object_name=iris")


def test_lists_are_searched(swap: SwapOperation, administrator: Client) -> None:
    for kind in kinds():
        response = administrator.get(address(kind), {"q": "nothing is called so"})
        assert response.status_code == 200
        assert response.context["cl"].result_count == 0, kind


def test_groups_are_no_way_to_a_role() -> None:
    assert not site.is_registered(Group)
