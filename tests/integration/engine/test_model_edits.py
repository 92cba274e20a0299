"""Models are changed for swaps to come, and deleted once nobody is served by them."""

from collections.abc import Callable
from typing import Any

import pytest

from swaps.access.roles import Actor, NotAllowed, Role
from swaps.commands.errors import InUse, InvalidRequest, ModelNotFound, Stale
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.models.edits import contents_of, delete_model, update_model
from swaps.commands.registration import register_model
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.operations import request_activation
from swaps.commands.swaps.strategies import create_strategy, update_strategy
from swaps.domain.states import SwapState
from swaps.models import AuditEntry, Cluster, Placement, Route, ServedModel, SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    a_model,
    a_serving_model,
    carry_on,
    fresh,
)
from tests.integration.readings.rows import a_cluster, a_node, acked, warm
from tests.integration.readings.rows import a_host as a_host_row
from tests.integration.readings.rows import a_model as a_model_row
from tests.integration.readings.rows import a_swap as a_swap_row
from tests.integration.readings.rows import placed as a_placement

pytestmark = pytest.mark.django_db(transaction=True)


def last() -> AuditEntry:
    newest = AuditEntry.objects.first()
    assert newest is not None, "the audit log is empty"
    return newest


def seen(name: str) -> str:
    return revision_of(contents_of(ServedModel.objects.get(name=name)))


def test_a_change_is_for_swaps_to_come(
    alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    made = swapper.swap_version(model, "1.0", "1.1")
    update_model(
        actor=ADMINISTRATOR,
        name=model,
        default_strategy="linear",
        drain_timeout_seconds=99,
        keep_warm_seconds=60,
        on_drain_timeout="rollback",
        sample_request=None,
    )
    entry = last()
    assert (entry.action, entry.object_kind, entry.reason) == ("manage-models", "model", "changed")
    assert entry.after is not None
    assert entry.before is not None
    assert entry.before["drain_timeout_seconds"] == 30
    assert entry.after["drain_timeout_seconds"] == 99
    assert entry.after["default_strategy"]["name"] == "linear"
    assert "load_timeout_seconds" not in entry.after
    kept = fresh(made)
    assert (kept.drain_timeout_seconds, kept.strategy["name"]) == (30, "all-at-once")
    assert kept.sample_request is not None
    carry_on(made, until=SwapState.COMPLETED)
    to_come = swapper.swap_version(model, "1.1", "1.0")
    assert (to_come.drain_timeout_seconds, to_come.strategy["name"]) == (99, "linear")
    assert (to_come.on_drain_timeout, to_come.keep_warm_seconds) == ("rollback", 60)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"boot_id": ""}, "boot_id"),
        ({"queue_held_reason": ""}, "queue_held_reason"),
        ({"default_strategy": "hope"}, "default_strategy"),
        ({"drain_timeout_seconds": -1}, "drain_timeout_seconds"),
        ({"load_timeout_seconds": 0}, "load_timeout_seconds"),
        ({"keep_warm_seconds": 10**12}, "keep_warm_seconds"),
        ({"keep_warm_seconds": None}, "keep_warm_seconds"),
        ({"on_drain_timeout": "hope"}, "on_drain_timeout"),
        ({"sample_request": [1]}, "sample_request"),
    ],
)
def test_what_no_model_can_be_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    register_model(actor=ADMINISTRATOR, name="iris")
    with pytest.raises(InvalidRequest) as refusal:
        update_model(actor=ADMINISTRATOR, name="iris", **changes)
    assert refusal.value.field == field
    assert last().outcome == "refused"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda actor: update_model(actor=actor, name="iris", keep_warm_seconds=2),
        lambda actor: delete_model(actor=actor, name="iris"),
    ],
)
def test_only_administrators_of_this_model_change_it(attempt: Callable[[Any], Any]) -> None:
    register_model(actor=ADMINISTRATOR, name="iris")
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        attempt(OPERATOR)
    with pytest.raises(NotAllowed, match="not for iris"):
        attempt(Actor("a", Role.ADMINISTRATOR, "API", models=frozenset({"lily"})))
    assert ServedModel.objects.get().keep_warm_seconds == 0


@pytest.mark.parametrize("name", ["nothing", "\x00", "Not a name"])
def test_what_is_not_registered_cannot_be_changed(name: str) -> None:
    with pytest.raises(ModelNotFound):
        update_model(actor=ADMINISTRATOR, name=name, keep_warm_seconds=1)
    with pytest.raises(ModelNotFound):
        delete_model(actor=ADMINISTRATOR, name=name)


def test_an_edit_of_what_was_changed_since_is_refused_and_says_what() -> None:
    create_strategy(actor=ADMINISTRATOR, name="careful", steps=[{"setWeight": 100}])
    register_model(actor=ADMINISTRATOR, name="iris", default_strategy="careful")
    viewed = seen("iris")
    # The name that the model follows stands for something else now.
    update_strategy(actor=ADMINISTRATOR, name="careful", steps=[{"setWeight": 5}])
    with pytest.raises(Stale, match="default_strategy of model iris was changed"):
        update_model(actor=ADMINISTRATOR, name="iris", if_match=viewed, keep_warm_seconds=1)
    with pytest.raises(Stale):
        delete_model(actor=ADMINISTRATOR, name="iris", if_match=viewed)
    update_model(actor=ADMINISTRATOR, name="iris", if_match=seen("iris"), keep_warm_seconds=1)
    delete_model(actor=ADMINISTRATOR, name="iris", if_match=seen("iris"))


def test_a_model_that_serves_or_swaps_stays(
    alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    model = a_model(alpha)
    swap = request_activation(actor=OPERATOR, model_name=model, version="1.0")
    assert swap is not None
    with pytest.raises(InUse, match=rf"the swap {model} nothing → 1\.0 is NotStarted"):
        delete_model(actor=ADMINISTRATOR, name=model)
    carry_on(swap, until=SwapState.COMPLETED)
    with pytest.raises(InUse, match=r"1\.0 serves 100 % \(a swap .*\); .* there \(alpha\)"):
        delete_model(actor=ADMINISTRATOR, name=model)
    assert ServedModel.objects.filter(name=model).exists()


def test_a_deleted_model_takes_its_rows_along_and_nothing_of_others() -> None:
    host, node = a_host_row(), a_node()
    for name in ("iris", "lily"):
        model = a_model_row(name)
        cluster = a_cluster(model, "1.0")
        acked(node, model, 0)
        warm(node, cluster)
        a_placement(model, "1.0", host, status="available")
        first = a_swap_row(model, state="Failed", error_message="no")
        a_swap_row(model, state="RolledBack", reverses=first)
    Cluster.objects.update(retired_at=Cluster.objects.values("created_at")[:1])
    delete_model(actor=ADMINISTRATOR, name="iris")
    assert last().before == {"default_strategy": "all-at-once", "swaps": 2}
    for rows in (Cluster, Placement, Route, SwapOperation):
        left = rows.objects.values_list("model__name", flat=True)
        assert set(left) == {"lily"}, rows
    # Its name is free again.
    register_model(actor=ADMINISTRATOR, name="iris")
