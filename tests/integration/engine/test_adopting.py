"""A version that others have loaded already is put in front of clients without a load.

Witness is the host: it knows no fence of a version until one of our calls names it.
"""

import pytest

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command, request_activation
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.hosts.rounds import reconcile
from swaps.models import SwapOperation
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_model,
    a_serving_model,
    carry_on,
    is_loaded_again,
    placement,
    waits_for,
    weights,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState


def load_by_hand(host: HostOfTests, model: str, version: str) -> None:
    assert host.running.ask("load", model, version).status_code == 202
    host.wait_for("ready", model, version)


def activation(model: str, version: str, host: HostOfTests) -> SwapOperation:
    swap = request_activation(
        actor=OPERATOR, model_name=model, version=version, target_hosts=[host.name]
    )
    assert swap is not None
    return swap


def adoption_under_way(host: HostOfTests, node: Node) -> tuple[str, SwapOperation]:
    """Of a model's 1.0, held up by a node that does not reach it."""
    model = a_model(host)
    load_by_hand(host, model, "1.0")
    node.now(warms=False)
    swap = activation(model, "1.0", host)
    return model, carry_on(swap, until=waits_for("no healthy connection to 1.0"))


@pytest.mark.parametrize("known", ["not at all", "as it was before", "as it is"])
def test_a_version_that_serves_already_is_adopted_without_a_load(
    alpha: HostOfTests, known: str
) -> None:
    model = a_model(alpha)
    if known == "as it was before":
        reconcile()
        assert placement(model, "1.0", alpha).observed == "available"
    load_by_hand(alpha, model, "1.0")
    if known == "as it is":
        reconcile()
        assert placement(model, "1.0", alpha).observed == "ready"
    loaded_at = alpha.status(model, "1.0")["loaded_at_ns"]

    carry_on(activation(model, "1.0", alpha), until=S.COMPLETED)
    shown = alpha.status(model, "1.0")
    assert (shown["fence"], shown["loaded_at_ns"]) == (None, loaded_at), "nobody called load"
    assert weights(model) == {"1.0": 100}
    seen = placement(model, "1.0", alpha)
    assert seen.load_called_at is None
    assert is_loaded_again(model, "1.0", alpha), "and it answered, in this boot"


def test_the_new_version_of_a_swap_is_adopted_too(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    load_by_hand(alpha, model, "1.1")
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    assert alpha.status(model, "1.1")["fence"] is None
    assert weights(model) == {"1.1": 100}
    # From now on it is ours: what takes it away later is told apart from what came before.
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    assert alpha.state(model, "1.1") == "available"
    assert alpha.status(model, "1.1")["fence"] == placement(model, "1.1", alpha).fence


@pytest.mark.parametrize("command", [Command.CANCEL, Command.ROLLBACK])
def test_an_adoption_that_is_undone_leaves_the_version_as_others_loaded_it(
    alpha: HostOfTests, node: Node, command: Command
) -> None:
    model, swap = adoption_under_way(alpha, node)
    apply_command(swap.pk, command, actor=OPERATOR)
    done = carry_on(swap, until=S.CANCELLED if command is Command.CANCEL else S.ROLLED_BACK)
    assert not done.cleanup_pending
    reconcile()
    shown = alpha.status(model, "1.0")
    assert (shown["state"], shown["fence"]) == ("ready", None), "nobody called unload"
    left = placement(model, "1.0", alpha)
    assert (left.desired, left.observed, left.unload_owed) == ("absent", "ready", False)


def test_a_swap_that_is_rolled_back_leaves_its_new_version_as_others_loaded_it(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    load_by_hand(alpha, model, "1.1")
    swap = swapper.swap_version(model, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    last = swap.events.order_by("generation").last()
    assert last is not None
    assert f"1.1 stays loaded on {alpha.name}, where it was before the swap" in last.reason
    reconcile()
    assert (alpha.state(model, "1.1"), alpha.status(model, "1.1")["fence"]) == ("ready", None)
    assert weights(model) == {"1.0": 100}


def test_what_was_given_up_before_and_loaded_by_others_since_stays_too(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    """Its load is called all the same, for the fence; that makes it no more ours than before."""
    model = a_serving_model(alpha)
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    load_by_hand(alpha, model, "1.0")
    swap = swapper.swap_version(model, "1.1", "1.0", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    reconcile()
    assert alpha.state(model, "1.0") == "ready"


def test_an_adopted_one_that_its_host_lost_is_ours_once_it_is_loaded_again(
    mortal: HostOfTests, node: Node
) -> None:
    model, swap = adoption_under_way(mortal, node)
    mortal.restart_empty()

    def loaded_again(_: SwapOperation) -> bool:
        reconcile()
        return mortal.state(model, "1.0") == "ready"

    carry_on(swap, until=loaded_again)
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)

    def given_back() -> bool:
        reconcile()
        return mortal.state(model, "1.0") == "available"

    wait_until(given_back, "what the swap had loaded is unloaded")


def test_one_that_its_host_lost_meanwhile_is_loaded_after_all(mortal: HostOfTests) -> None:
    model = a_model(mortal)
    load_by_hand(mortal, model, "1.0")
    swap = activation(model, "1.0", mortal)
    mortal.restart_empty()
    carry_on(swap, until=S.COMPLETED)
    assert mortal.status(model, "1.0")["fence"] == placement(model, "1.0", mortal).fence
    assert is_loaded_again(model, "1.0", mortal)


def test_one_that_was_given_up_before_hears_of_the_new_intent_though_it_is_loaded(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    """A worker stopped in the unload of before may still send it: its fence must be refused."""
    model = a_serving_model(alpha)
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    given_up = placement(model, "1.0", alpha).fence
    load_by_hand(alpha, model, "1.0")
    reconcile()
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    late = alpha.running.ask("unload", model, "1.0", fence=given_up)
    assert (late.status_code, late.json()["code"]) == (409, "stale-fence")


def test_what_is_loaded_from_another_file_than_was_asked_for_is_not_adopted(
    alpha: HostOfTests,
) -> None:
    model = a_model(alpha)
    load_by_hand(alpha, model, "1.0")
    swap = activation(model, "1.0", alpha)
    assert alpha.running.ask("unload", model, "1.0").status_code in {200, 202}
    alpha.wait_for("available", model, "1.0")
    alpha.replace(model, "1.0", like="iris/1.1")
    load_by_hand(alpha, model, "1.0")
    done = carry_on(swap, until=S.FAILED)
    assert "another file" in (done.error_message or "")
    assert weights(model) == {}
