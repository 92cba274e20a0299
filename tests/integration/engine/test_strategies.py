"""Strategies by name: who may make them, what a name stands for, and for how long."""

from collections.abc import Callable
from typing import Any

import pytest

from swaps.access.roles import NotAllowed
from swaps.commands.errors import InUse, InvalidRequest, StrategyNotFound
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.registration import register_model
from swaps.commands.swaps.strategies import (
    create_strategy,
    delete_strategy,
    resolve_strategy,
    update_strategy,
)
from swaps.domain.strategies import READY_MADE, canary
from swaps.models import AuditEntry, NamedStrategy, ServedModel
from swaps.readings.model.models import read_model
from swaps.readings.swap.strategies import offered_strategies, read_strategies, read_strategy
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import ADMINISTRATOR, OPERATOR, a_serving_model

pytestmark = pytest.mark.django_db(transaction=True)

HALF_WAY = [{"setWeight": 50}, {"pause": {}}]
CAREFUL: dict[str, Any] = {"name": "careful", "steps": HALF_WAY, "sticky_header": "X-User"}


@pytest.fixture
def careful(transactional_db: None) -> NamedStrategy:
    return create_strategy(actor=ADMINISTRATOR, **CAREFUL)


def last() -> AuditEntry:
    newest = AuditEntry.objects.first()
    assert newest is not None, "the audit log is empty"
    return newest


def test_a_strategy_is_kept_as_it_will_be_followed(careful: NamedStrategy) -> None:
    assert careful.steps == [*HALF_WAY, {"setWeight": 100}]
    assert careful.sticky_header == "x-user"
    entry = last()
    assert (entry.actor, entry.action) == ("an administrator", "manage-strategies")
    assert (entry.object_kind, entry.object_name, entry.before) == ("strategy", "careful", None)
    assert entry.after is not None
    assert entry.after["steps"] == careful.steps


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        *(({"name": name}, "name", "cannot be redefined") for name in READY_MADE),
        ({}, "name", "already exists"),
        ({"name": "Not a name"}, "name", "cannot be a strategy name"),
        ({"name": ""}, "name", "cannot be blank"),
        ({"name": "new", "steps": []}, "steps", "1 to 50 steps"),
        ({"name": "new", "steps": "canary"}, "steps", "1 to 50 steps"),
        ({"name": "new", "steps": [{"setWeight": 500}]}, "steps", "step 1: weight 500"),
        ({"name": "new", "sticky_header": "not a header"}, "sticky_header", "request header"),
        ({"name": "new", "sticky_header": "\x00"}, "sticky_header", "is a text"),
        ({"name": "new", "description": "\x00"}, "description", "is a text"),
        ({"name": "new", "description": "x" * 501}, "description", "at most 500"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_its_field(
    wrong: dict[str, Any], field: str, words: str
) -> None:
    with pytest.raises(InvalidRequest, match=words) as refusal:
        create_strategy(actor=ADMINISTRATOR, **CAREFUL | wrong)
    assert refusal.value.field == field
    assert NamedStrategy.objects.count() == 1
    assert last().outcome == "refused"


@pytest.mark.usefixtures("careful")
@pytest.mark.parametrize(
    "attempt",
    [
        lambda actor: create_strategy(actor=actor, **CAREFUL | {"name": "new"}),
        lambda actor: update_strategy(actor=actor, name="careful", description="mine"),
        lambda actor: delete_strategy(actor=actor, name="careful"),
    ],
)
def test_only_administrators_name_strategies(attempt: Callable[[Any], Any]) -> None:
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        attempt(OPERATOR)
    assert NamedStrategy.objects.get().description == ""
    assert (last().actor, last().outcome) == ("an operator", "refused")


@pytest.mark.parametrize("name", ["canary", "careful", "\x00"])
def test_what_was_not_named_cannot_be_changed_or_deleted(name: str) -> None:
    with pytest.raises(StrategyNotFound):
        update_strategy(actor=ADMINISTRATOR, name=name, description="mine")
    with pytest.raises(StrategyNotFound):
        delete_strategy(actor=ADMINISTRATOR, name=name)


@pytest.mark.usefixtures("careful")
def test_nothing_but_its_steps_header_and_description_is_changed() -> None:
    with pytest.raises(InvalidRequest, match="created_at cannot be changed"):
        update_strategy(actor=ADMINISTRATOR, name="careful", created_at=None)


@pytest.mark.usefixtures("careful")
def test_a_name_stands_for_its_steps_wherever_a_strategy_is_given() -> None:
    by_name = resolve_strategy("careful")
    assert by_name.as_json()["steps"] == [*HALF_WAY, {"setWeight": 100}]
    assert by_name == resolve_strategy({"name": "careful"})
    assert resolve_strategy({"name": "careful", "stickyHeader": "x-team"}).sticky_header == "x-team"
    assert resolve_strategy("canary") == canary()
    with pytest.raises(ValueError, match=r"no strategy 'hope'; there are .*canary.*careful"):
        resolve_strategy("hope")


def test_a_swap_keeps_the_steps_it_was_made_with(
    careful: NamedStrategy, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    swap = swapper.swap_version(model, "1.0", "1.1", strategy="careful")
    update_strategy(actor=ADMINISTRATOR, name="careful", steps=[{"setWeight": 100}])
    assert last().before != last().after
    delete_strategy(actor=ADMINISTRATOR, name="careful")
    swap.refresh_from_db()
    assert swap.strategy == {
        "name": "careful",
        "steps": [*HALF_WAY, {"setWeight": 100}],
        "stickyHeader": "x-user",
    }


@pytest.mark.usefixtures("careful")
def test_a_models_default_follows_its_name_and_keeps_it_from_being_deleted() -> None:
    register_model(actor=ADMINISTRATOR, name="iris", default_strategy="careful")
    update_strategy(actor=ADMINISTRATOR, name="careful", steps=[{"setWeight": 100}])
    shown = read_model("iris").default_strategy
    assert shown["steps"] == [{"setWeight": 100}]
    # What was read and is given again means the same.
    register_model(actor=ADMINISTRATOR, name="lily", default_strategy=shown)
    # Other steps under that name are only called so.
    own = {"name": "careful", "steps": HALF_WAY}
    register_model(actor=ADMINISTRATOR, name="rose", default_strategy=own)
    with pytest.raises(InUse, match="default of iris, lily: give them another"):
        delete_strategy(actor=ADMINISTRATOR, name="careful")
    assert read_strategy("careful").default_of == ["iris", "lily"]
    ServedModel.objects.update(named_strategy=None)
    delete_strategy(actor=ADMINISTRATOR, name="careful")
    assert read_model("rose").default_strategy["steps"] == [*HALF_WAY, {"setWeight": 100}]


@pytest.mark.usefixtures("careful")
def test_ready_made_and_named_strategies_are_listed_page_by_page() -> None:
    create_strategy(actor=ADMINISTRATOR, name="bold", steps=[{"setWeight": 90}])
    names = ["all-at-once", "bold", "canary", "careful", "linear"]
    first = read_strategies(limit=2)
    second = read_strategies(limit=2, cursor=first.cursor)
    third = read_strategies(limit=2, cursor=second.cursor)
    assert [one.name for page in (first, second, third) for one in page.items] == names
    assert third.cursor is None
    assert [one.name for one in offered_strategies()] == [*READY_MADE, "bold", "careful"]
