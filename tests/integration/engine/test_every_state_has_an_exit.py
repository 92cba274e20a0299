"""Each state of a swap, with routers that refuse, routers that are away and hosts that are silent:
what the operator reads, and the command or the deadline that leads out.

Host, database and commands are the real ones. Nodes answer by the router process's own writes; that
a real Envoy refuses, and keeps serving, is in tests/integration/router.
"""

from collections.abc import Callable
from datetime import timedelta

import pytest

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.nodes.ending import retire_node
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.models import NodeIncarnation, SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    fresh,
    register,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
HOUR = timedelta(hours=1).total_seconds()


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def command(name: Command) -> Callable[[SwapOperation], None]:
    actor = ADMINISTRATOR if name is Command.FORCE_UNLOAD else OPERATOR

    def ask(swap: SwapOperation) -> None:
        apply_command(swap.pk, name, actor=actor)

    return ask


def retire(node: Node) -> None:
    """Its process was seen to end by somebody, who says so."""
    retire_node(actor=ADMINISTRATOR, nonce=node.of.nonce, reason="its machine is gone")


def half_way(swapper: ModelHotSwapper, iris: str) -> SwapOperation:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    return carry_on(swap, until=waits_for("paused until promoted"))


# --- LoadingNewVersion


@pytest.mark.parametrize("fault", ["refuses", "away"])
@pytest.mark.parametrize("leaves_by", ["cancel", "deadline"])
def test_loading_ends_by_a_cancel_or_its_deadline(
    fault: str, leaves_by: str, iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    if fault == "refuses":
        NodeIncarnation.objects.update(nack="clusters: hs_1 left out: bad")
    swap = swapper.swap_version(iris, "1.0", "1.1")
    words = {"refuses": "refuses 1.1's cluster", "away": "no healthy connection to 1.1"}
    carry_on(swap, until=waits_for(words[fault]))
    if fault == "away":
        node.goes_away()
        carry_on(swap, until=waits_for("bring it back or retire it"))
    if leaves_by == "cancel":
        command(Command.CANCEL)(swap)
        carry_on(swap, until=S.CANCELLED)
    else:
        time_passes(swap, HOUR)
        carry_on(swap, until=S.FAILED)
        assert "not ready in time" in (fresh(swap).error_message or "")
    assert weights(iris) == {"1.0": 100}


@pytest.mark.parametrize("leaves_by", ["cancel", "deadline"])
def test_loading_on_a_host_that_is_silent_ends_the_same(
    leaves_by: str, node: Node, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    mortal.stop_answering()
    carry_on(swap, until=waits_for("1.1 is not ready on mortal"))
    if leaves_by == "cancel":
        command(Command.CANCEL)(swap)
        carry_on(swap, until=S.CANCELLED)
    else:
        time_passes(swap, HOUR)
        carry_on(swap, until=S.FAILED)
    assert weights(iris) == {"1.0": 100}


# --- Transitioning


def test_a_refused_weight_turns_the_swap_round_by_itself(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(refuses_version="1.1")
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    done = carry_on(swap, until=S.FAILED)
    assert "refuses revision" in (done.error_message or "")
    assert weights(iris) == {"1.0": 100}


@pytest.mark.parametrize("leaves_by", [None, Command.ROLLBACK])
def test_a_weight_that_a_node_cannot_be_told_of_turns_round_by_its_deadline_or_by_a_command(
    leaves_by: Command | None, iris: str, node: Node, nodes: Nodes, swapper: ModelHotSwapper
) -> None:
    swap = half_way(swapper, iris)
    lost = nodes.connect("edge-2", acks=False, proves=False)
    lost.goes_away()
    command(Command.PROMOTE)(swap)
    carry_on(swap, until=waits_for("edge-2 is away"))
    if leaves_by is None:
        time_passes(swap, HOUR)
    else:
        command(leaves_by)(swap)
    carry_on(swap, until=S.ROLLING_BACK)
    carry_on(swap, until=waits_for("edge-2 is away and may still"))
    retire(lost)
    carry_on(swap, until=S.FAILED if leaves_by is None else S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}


# --- OldVersionDraining


def a_drain(swapper: ModelHotSwapper, iris: str, node: Node) -> SwapOperation:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    return carry_on(swap, until=waits_for("1.0 is not yet idle"))


@pytest.mark.parametrize(
    ("leaves_by", "end", "serves"),
    [(Command.FORCE_UNLOAD, S.COMPLETED, "1.1"), (Command.ROLLBACK, S.ROLLED_BACK, "1.0")],
)
def test_a_drain_that_is_never_proven_is_forced_or_turned_round(
    leaves_by: Command, end: S, serves: str, iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    swap = a_drain(swapper, iris, node)
    time_passes(swap, HOUR)
    carry_on(swap, until=waits_for("its time is over: extend the drain, roll back, or have"))
    command(leaves_by)(swap)
    if leaves_by is Command.ROLLBACK:
        carry_on(swap, until=waits_for("1.1 is not yet idle"))
        command(Command.FORCE_UNLOAD)(swap)
    carry_on(swap, until=end)
    assert weights(iris) == {serves: 100}


@pytest.mark.parametrize(
    ("leaves_by", "end", "serves"),
    [(None, S.COMPLETED, "1.1"), (Command.ROLLBACK, S.ROLLED_BACK, "1.0")],
)
def test_a_drain_that_a_lost_node_holds_up_goes_on_once_that_node_is_retired(
    leaves_by: Command | None,
    end: S,
    serves: str,
    iris: str,
    node: Node,
    nodes: Nodes,
    swapper: ModelHotSwapper,
) -> None:
    swap = a_drain(swapper, iris, node)
    lost = nodes.connect("edge-2", proves=False)
    lost.goes_away()
    carry_on(swap, until=waits_for("edge-2 is away"))
    command(Command.FORCE_UNLOAD)(swap)
    carry_on(swap, until=waits_for("edge-2 is away and may still send requests to 1.0"))
    if leaves_by is not None:
        command(leaves_by)(swap)
        carry_on(swap, until=waits_for("edge-2 is away and may still"))
    node.now(proves=True)
    retire(lost)
    carry_on(swap, until=end)
    assert weights(iris) == {serves: 100}


def moved_from_mortal(mortal: HostOfTests, alpha: HostOfTests) -> str:
    """1.0 serves on the host that may fall silent, and 1.1 can be loaded on another."""
    iris = a_serving_model(mortal)
    alpha.put(iris, "1.1", like="iris/1.1")
    register(alpha)
    return iris


def test_past_the_point_of_no_return_a_silent_host_does_not_hold_up_the_end(
    node: Node, alpha: HostOfTests, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = moved_from_mortal(mortal, alpha)
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1", target_hosts=[alpha.name])
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    mortal.stop_answering()
    node.now(proves=True)
    carry_on(swap, until=lambda seen: seen.past_return_at is not None)
    time_passes(swap, HOUR)
    done = carry_on(swap, until=S.COMPLETED)
    assert done.cleanup_pending
    assert weights(iris) == {"1.1": 100}


# --- RollingBack


def a_refused_way_back(swapper: ModelHotSwapper, iris: str, node: Node) -> SwapOperation:
    swap = half_way(swapper, iris)
    node.now(refuses_version="1.0")
    command(Command.ROLLBACK)(swap)
    return carry_on(swap, until=waits_for("edge-1 refuses revision"))


def test_a_refused_way_back_says_what_helps_and_a_roll_forward_does(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    swap = a_refused_way_back(swapper, iris, node)
    sentence = fresh(swap).waiting_for
    assert "it serves what it had" in sentence
    assert "turn the swap round, or end that Envoy and retire it" in sentence
    command(Command.ROLL_FORWARD)(swap)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


def test_a_refused_way_back_goes_on_once_the_node_that_refuses_has_ended(
    iris: str, node: Node, nodes: Nodes, swapper: ModelHotSwapper
) -> None:
    swap = a_refused_way_back(swapper, iris, node)
    nodes.connect("edge-2")
    node.goes_away()
    carry_on(swap, until=waits_for("edge-1 is away"))
    retire(node)
    carry_on(swap, until=S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}


def test_a_way_back_to_a_host_that_is_silent_may_be_turned_forward(
    node: Node, alpha: HostOfTests, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = moved_from_mortal(mortal, alpha)
    swap = swapper.swap_version(
        iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY, target_hosts=[alpha.name]
    )
    carry_on(swap, until=waits_for("paused until promoted"))
    mortal.stop_answering()
    command(Command.ROLLBACK)(swap)
    carry_on(swap, until=waits_for("1.0 is not ready on mortal"))
    command(Command.ROLL_FORWARD)(swap)
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    assert weights(iris) == {"1.1": 100}
    mortal.answer_again()
    carry_on(swap, until=S.COMPLETED)


def test_with_no_router_at_all_a_way_back_waits_for_one_and_goes_on_with_it(
    iris: str, node: Node, nodes: Nodes, swapper: ModelHotSwapper
) -> None:
    swap = half_way(swapper, iris)
    node.goes_away()
    command(Command.ROLLBACK)(swap)
    carry_on(swap, until=waits_for("edge-1 is away"))
    retire(node)
    carry_on(swap, until=waits_for("no router node is connected: start one"))
    nodes.connect("edge-2")
    carry_on(swap, until=S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}
