"""Who may do what: the one table, and the scope of tokens beside it."""

import re

import pytest

from swaps.access.roles import (
    FLEET_WIDE,
    LEAST_ROLE,
    Action,
    Actor,
    NotAllowed,
    Permission,
    Role,
    least_role,
)
from swaps.domain.commands import Command
from tests.documents import TOLD


def an_actor(role: Role | None, *, models: frozenset[str] | None = None) -> Actor:
    return Actor("somebody", role, "API", models=models)


def test_the_table_names_every_action() -> None:
    assert LEAST_ROLE.keys() == set(Action)
    assert not set(map(str, Action)) & set(map(str, Command)), "one name, two permissions"


@pytest.mark.parametrize("action", [*Action, *Command])
def test_a_role_may_what_weaker_ones_may_and_nobody_may_nothing(action: Permission) -> None:
    least = list(Role).index(least_role(action))
    assert [an_actor(role).may(action) for role in Role] == [
        rank >= least for rank in range(len(Role))
    ]
    with pytest.raises(NotAllowed, match=f"no role.*may not {action}"):
        an_actor(None).require(action)


@pytest.mark.parametrize("action", [*Action, *Command])
def test_a_scoped_token_acts_on_its_models_and_never_on_the_fleet(action: Permission) -> None:
    token = an_actor(Role.ADMINISTRATOR, models=frozenset({"iris"}))
    assert token.may(action, "iris") == (action not in FLEET_WIDE)
    with pytest.raises(NotAllowed, match="this token is for iris"):
        token.require(action, "wine")


def test_what_an_actor_sees() -> None:
    assert an_actor(Role.VIEWER).sees("iris")
    scoped = an_actor(Role.VIEWER, models=frozenset({"iris"}))
    assert (scoped.sees("iris"), scoped.sees("wine")) == (True, False)
    assert not an_actor(Role.VIEWER, models=frozenset()).sees("iris")


def test_the_handbook_has_this_table() -> None:
    """Whoever changes who may do what tells it there."""
    shown = re.findall(r"^\| `([a-z-]+)` \| (yes|–) \| (yes|–) \| (yes|–) \|$", TOLD, re.M)
    roles = list(Role)
    table = [
        (str(action), *("yes" if an_actor(role).may(action) else "–" for role in roles))
        for action in (*Action, *Command)
    ]
    assert shown == table
