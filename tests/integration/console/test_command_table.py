"""Every command in every state, as each role sees it on a swap's page: pressed or refused there
as the command itself would be.
"""

import re

import pytest
from django.db import transaction
from django.test import Client

from swaps.access.roles import Actor, Role, least_role
from swaps.commands.errors import HostUnreachable, SwapRefused
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.models import Placement, Route, ServedModel, SwapOperation
from tests.given.people import a_person
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db

ADA = Actor("ada", Role.ADMINISTRATOR, "console")
PLACES = [
    *((state, False) for state in SwapState),
    (SwapState.OLD_VERSION_DRAINING, True),
    (SwapState.ROLLING_BACK, True),
]
CAN_BE_PRESSED = r'<a[^>]*id="do-{command}"[^>]*class="button'
SAYS_WHY_NOT = r'id="do-{command}"[^>]*aria-disabled="true".*?role="tooltip"[^>]*>([^<]+)<'


def in_state(model: ServedModel, state: SwapState, *, past: bool) -> SwapOperation:
    Placement.objects.filter(model=model, version="1.1").update(desired="loaded", observed="ready")
    swap = a_swap(model, state=state, revision=1, target_hosts=["alpha"])
    if past:
        SwapOperation.objects.filter(pk=swap.pk).update(past_return_at=swap.start_time)
    if state is SwapState.COMPLETED:
        Route.objects.filter(model=model).update(weights={"1.1": 100})
    return swap


def at(page: str, pattern: str, command: Command) -> re.Match[str] | None:
    return re.search(pattern.format(command=command), page, re.S)


@pytest.mark.parametrize(("state", "past"), PLACES)
def test_a_button_is_there_for_who_may_and_says_why_not_now(
    iris: ServedModel, state: SwapState, past: bool
) -> None:
    swap = in_state(iris, state, past=past)
    refusals = {command: refusal_of(swap, command) for command in Command}
    for role in Role:
        client = Client()
        client.force_login(a_person(role))
        page = client.get(f"/swaps/{swap.pk}").content.decode()
        for command in Command:
            may = list(Role).index(role) >= list(Role).index(least_role(command))
            # An address and its twin for htmx; nowhere a second button.
            assert page.count(f'/{command}"') in (0, 2), (role, command)
            pressed, why = at(page, CAN_BE_PRESSED, command), at(page, SAYS_WHY_NOT, command)
            if not may:
                assert not pressed, (role, command)
                assert not why, (role, command)
            elif pressed:
                assert refusals[command] is None, (role, command)
            elif why:
                assert refusals[command], (role, command)
                assert len(why[1]) > 10, why[1]


def refusal_of(swap: SwapOperation, command: Command) -> str | None:
    """What the engine itself would say; None: it would do it. Nothing is kept of the try."""
    try:
        with transaction.atomic():
            apply_command(swap.pk, command, actor=ADA)
            transaction.set_rollback(True)
    except HostUnreachable:
        return None  # it would be done, if only the host were there
    except SwapRefused as refused:
        return str(refused)
    return None


@pytest.mark.parametrize(
    ("state", "command"),
    [
        (SwapState.NOT_STARTED, Command.CANCEL),
        (SwapState.LOADING_NEW_VERSION, Command.CANCEL),
        (SwapState.TRANSITIONING, Command.PAUSE),
        (SwapState.TRANSITIONING, Command.PROMOTE),
        (SwapState.TRANSITIONING, Command.ROLLBACK),
        (SwapState.OLD_VERSION_DRAINING, Command.PROMOTE),
        (SwapState.OLD_VERSION_DRAINING, Command.EXTEND_DRAIN),
        (SwapState.OLD_VERSION_DRAINING, Command.ROLLBACK),
        (SwapState.ROLLING_BACK, Command.ROLL_FORWARD),
        (SwapState.ROLLING_BACK, Command.EXTEND_DRAIN),
        (SwapState.COMPLETED, Command.ROLLBACK),
    ],
)
def test_what_is_possible_can_be_pressed(
    operator: Client, iris: ServedModel, state: SwapState, command: Command
) -> None:
    swap = in_state(iris, state, past=False)
    page = operator.get(f"/swaps/{swap.pk}").content.decode()
    assert at(page, CAN_BE_PRESSED, command)


def test_the_drain_is_acted_on_where_it_is_shown(
    administrator: Client, viewer: Client, iris: ServedModel
) -> None:
    swap = in_state(iris, SwapState.OLD_VERSION_DRAINING, past=False)
    page = administrator.get(f"/swaps/{swap.pk}").content.decode()
    above, beside = page.split('id="swap-drain"')
    for command in (Command.EXTEND_DRAIN, Command.FORCE_UNLOAD):
        assert at(beside, CAN_BE_PRESSED, command)
    assert at(above, CAN_BE_PRESSED, Command.ROLLBACK)
    assert 'id="do-' not in viewer.get(f"/swaps/{swap.pk}").content.decode()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"from_version": None}, "there is no way back from it"),
        ({"to_version": "1.2"}, "1.2 does not hold all traffic any more"),
    ],
)
def test_a_completed_swap_that_cannot_be_taken_back_says_why(
    operator: Client, iris: ServedModel, changes: dict[str, object], words: str
) -> None:
    Route.objects.filter(model=iris).update(weights={"1.1": 100})
    swap = a_swap(iris, state=SwapState.COMPLETED, **changes)
    page = operator.get(f"/swaps/{swap.pk}").content.decode()
    why = at(page, SAYS_WHY_NOT, Command.ROLLBACK)
    assert why, "the button is not disabled"
    assert words in why[1]


def test_there_is_no_way_forward_to_what_is_gone(operator: Client, iris: ServedModel) -> None:
    swap = in_state(iris, SwapState.ROLLING_BACK, past=False)
    Placement.objects.filter(version="1.1").update(observed="absent")
    page = operator.get(f"/swaps/{swap.pk}").content.decode()
    why = at(page, SAYS_WHY_NOT, Command.ROLL_FORWARD)
    assert why, "the button is not disabled"
    assert "1.1 is not loaded" in why[1]
