"""A command is an entry: one that is added is offered, asked, done and told, by it alone."""

import re

import pytest
from django.test import Client

from swaps.access.roles import Actor, NotAllowed, Role
from swaps.commands.errors import InvalidRequest
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import CommandEntry
from swaps.models import AuditEntry, ServedModel, SwapEvent, SwapOperation
from swaps.readings.swap.swaps import read_swap
from tests.added_command import add_command
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db


@pytest.fixture
def hurry(monkeypatch: pytest.MonkeyPatch) -> CommandEntry:
    return add_command(monkeypatch)


@pytest.fixture
def draining(iris: ServedModel) -> SwapOperation:
    return a_swap(iris, state="OldVersionDraining")


def test_its_button_is_for_its_role(
    hurry: CommandEntry, administrator: Client, operator: Client, draining: SwapOperation
) -> None:
    page = f"/swaps/{draining.pk}"
    assert "Hurry up…" in administrator.get(page).content.decode()
    assert "Hurry up" not in operator.get(page).content.decode()
    assert operator.post(f"{page}/hurry").status_code == 403


def test_its_dialog_asks_for_its_fields_and_does_what_it_says(
    hurry: CommandEntry, administrator: Client, draining: SwapOperation
) -> None:
    address = f"/swaps/{draining.pk}/hurry"
    dialog = administrator.get(address).content.decode()
    assert "Hurry 1.0?" in dialog
    assert re.search(r'name="left"[^>]*value="7"', dialog)
    effect = re.search(r'name="effect" value="([^"]+)"', dialog)
    assert effect, "there is nothing to confirm"
    given = {"effect": effect[1], "left": "3", "reason": "late"}
    assert administrator.post(address, given).status_code == 302
    draining.refresh_from_db()
    assert draining.forced_by == "administrator, 3 s"
    assert SwapEvent.objects.get(swap=draining).reason == "hurry, 3 s are left: late"
    assert AuditEntry.objects.get(action="hurry").outcome == "done"


def test_its_swap_says_whether_it_is_possible(hurry: CommandEntry, iris: ServedModel) -> None:
    loading = a_swap(iris, state="LoadingNewVersion")
    said = read_swap(loading, scope=None).commands["hurry"]
    assert said == "extend-drain is not possible in LoadingNewVersion"


def test_it_takes_its_own_fields_from_its_own_role(
    hurry: CommandEntry, draining: SwapOperation
) -> None:
    def ask(role: Role, **given: int) -> None:
        apply_command(draining.pk, hurry.command, actor=Actor("ada", role, "API"), **given)

    with pytest.raises(TypeError, match="hurry takes no seconds"):
        ask(Role.ADMINISTRATOR, seconds=3)
    with pytest.raises(InvalidRequest, match="0 is not between"):
        ask(Role.ADMINISTRATOR, left=0)
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        ask(Role.OPERATOR, left=3)
