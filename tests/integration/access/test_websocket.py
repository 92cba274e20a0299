"""Live pages: who may look gets them, with the buttons of their role, for as long as they may."""

import pytest
from asgiref.sync import sync_to_async

from swaps.access.roles import Actor, Role, least_role
from swaps.commands.people.users import update_user
from swaps.console.shared.watch import NOT_ALLOWED
from swaps.domain.commands import Command
from swaps.models import ServedModel, SwapOperation
from tests.integration.access.doors import STATES, swap_for
from tests.integration.access.people import a_user
from tests.integration.console.test_live_updates import Opener, OpenPage, open_page
from tests.integration.readings.rows import a_model, a_swap

__all__ = ["open_page"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

ADA = Actor("ada", Role.ADMINISTRATOR, "API")


@pytest.fixture
def model(transactional_db: None) -> ServedModel:
    return a_model(weights={"1.0": 100})


async def opened(open_page: Opener, role: Role | None, swap: SwapOperation) -> OpenPage:
    person = await sync_to_async(a_user)(f"a {role}", role)
    return await open_page(f"/swaps/{swap.pk}", person)


@pytest.mark.parametrize("command", Command)
async def test_the_buttons_that_come_are_those_of_the_role(
    open_page: Opener, model: ServedModel, command: Command
) -> None:
    """All roles at one swap, whose page is read once and rendered for each."""
    swap = await sync_to_async(swap_for)(command, model)
    ranks = list(Role)
    for role in Role:
        page = await opened(open_page, role, swap)
        await page.read_until('id="swap-commands"')
        shown = f"/swaps/{swap.pk}/{command}" in "".join(page.received)
        assert shown is (ranks.index(role) >= ranks.index(least_role(command))), role


@pytest.mark.parametrize(
    ("path", "last", "least"),
    [
        ("/overview", 'id="overview-concerns"', {"/models/iris/release": Role.OPERATOR}),
        (
            "/models/iris",
            'id="model-managing"',
            {
                "/models/iris/release": Role.OPERATOR,
                "/models/iris/edit": Role.ADMINISTRATOR,
                "/models/iris/delete": Role.ADMINISTRATOR,
                "/models/iris/protect": Role.ADMINISTRATOR,
            },
        ),
    ],
)
async def test_pages_of_models_offer_each_role_its_own(
    open_page: Opener, model: ServedModel, path: str, last: str, least: dict[str, Role]
) -> None:
    def hold() -> None:
        ServedModel.objects.update(queue_held_reason="1.0 → 1.1 ended Failed")
        a_swap(model, state="Completed")

    await sync_to_async(hold)()
    ranks = list(Role)
    for role in Role:
        page = await open_page(path, await sync_to_async(a_user)(f"a {role}", role))
        shown = await page.read_until(last)
        for dialog, needed in least.items():
            assert (dialog in shown) is (ranks.index(role) >= ranks.index(needed)), (role, dialog)
    stranger = await open_page(path, await sync_to_async(a_user)("a stranger", None))
    assert await stranger.closed() == NOT_ALLOWED
    assert stranger.received == []


async def test_who_may_not_look_is_turned_away(open_page: Opener, model: ServedModel) -> None:
    swap = await sync_to_async(swap_for)(Command.PAUSE, model)
    page = await opened(open_page, None, swap)
    assert await page.closed() == NOT_ALLOWED
    assert page.received == []


async def test_who_is_disabled_loses_the_open_page(open_page: Opener, model: ServedModel) -> None:
    swap = await sync_to_async(swap_for)(Command.PAUSE, model)
    page = await opened(open_page, Role.OPERATOR, swap)
    await page.read_until('id="swap-commands"')
    await sync_to_async(update_user)(actor=ADA, username=f"a {Role.OPERATOR}", active=False)
    assert await page.closed() == NOT_ALLOWED


def test_every_command_has_a_state_to_try_it_in() -> None:
    assert STATES.keys() == set(Command)
