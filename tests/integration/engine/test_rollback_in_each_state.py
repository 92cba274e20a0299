"""A rollback in each state, and what else people ask of a swap in mid-course: what happens then,
and who serves at the end.
"""

import pytest

from swaps.access.roles import Actor
from swaps.commands.errors import NotPossibleNow, PastPointOfNoReturn, VersionNotActive
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.decisions import MoveTo, PassReturn
from swaps.domain.states import SwapState
from swaps.models import SwapEvent
from swaps.readings.swap.swaps import read_swap
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    carry_out,
    decided,
    fresh,
    next_is,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def assert_1_0_serves_alone(iris: str, alpha: HostOfTests) -> None:
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")
    assert alpha.state(iris, "1.1") == "available"


def test_not_started_is_cancelled(iris: str, alpha: HostOfTests, swapper: ModelHotSwapper) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.CANCELLED)
    assert_1_0_serves_alone(iris, alpha)


def test_loading_is_rolled_back(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("no healthy connection to 1.1"))
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    assert_1_0_serves_alone(iris, alpha)


def test_transitioning_is_rolled_back(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    assert_1_0_serves_alone(iris, alpha)


def test_draining_is_rolled_back(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    loaded_at = alpha.status(iris, "1.0")["loaded_at_ns"]
    swapper.rollback(swap.pk)
    node.now(proves=True)
    carry_on(swap, until=S.ROLLED_BACK)
    assert_1_0_serves_alone(iris, alpha)
    assert alpha.status(iris, "1.0")["loaded_at_ns"] == loaded_at  # it needed no load


def test_bake_time_is_rolled_back_without_a_load(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", keep_warm_seconds=3600)
    carry_on(swap, until=waits_for("stays warm for a quick way back"))
    loaded_at = alpha.status(iris, "1.0")["loaded_at_ns"]
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    assert_1_0_serves_alone(iris, alpha)
    assert alpha.status(iris, "1.0")["loaded_at_ns"] == loaded_at


def test_past_the_point_of_no_return_it_is_refused_for_now(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_out(*next_is(PassReturn, swap))
    with pytest.raises(PastPointOfNoReturn) as refusal:
        swapper.rollback(swap.pk)
    assert refusal.value.retry
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


def test_completed_is_rolled_back_by_a_new_swap_the_other_way(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.COMPLETED)
    back = swapper.rollback(swap.pk)
    assert back.pk != swap.pk
    assert (back.from_version, back.to_version, back.reverses_id) == ("1.1", "1.0", swap.pk)
    carry_on(back, until=S.COMPLETED)
    assert_1_0_serves_alone(iris, alpha)
    assert fresh(swap).state == S.COMPLETED  # the original's story is not rewritten
    with pytest.raises(VersionNotActive):  # what it would roll back serves no longer
        swapper.rollback(swap.pk)


def test_rolling_back_is_answered_and_changes_nothing(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    node.now(proves=False)
    swapper.rollback(swap.pk)
    rolling = carry_on(swap, until=waits_for("1.1 is not yet idle"))
    again = swapper.rollback(swap.pk)
    assert (again.state, again.generation) == (S.ROLLING_BACK, rolling.generation)
    node.now(proves=True)
    carry_on(swap, until=S.ROLLED_BACK)
    moves = SwapEvent.objects.filter(swap=swap, to_state=S.ROLLING_BACK, kind="transition")
    assert moves.count() == 1
    assert_1_0_serves_alone(iris, alpha)


@pytest.mark.parametrize("end", [S.CANCELLED, S.ROLLED_BACK, S.FAILED])
def test_other_ends_refuse_it(
    end: SwapState, iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    if end is S.FAILED:
        node.now(refuses_version="1.1")
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    if end is S.CANCELLED:
        apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    if end is S.ROLLED_BACK:
        carry_on(swap, until=waits_for("paused until promoted"))
        swapper.rollback(swap.pk)
    carry_on(swap, until=end)
    with pytest.raises(NotPossibleNow, match="nothing to roll back"):
        swapper.rollback(swap.pk)
    assert_1_0_serves_alone(iris, alpha)


def test_a_roll_forward_takes_a_rollback_back(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    node.now(proves=False)
    swapper.rollback(swap.pk)
    carry_on(swap, until=waits_for("1.1 is not yet idle"))
    apply_command(swap.pk, Command.ROLL_FORWARD, actor=OPERATOR)
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    node.now(proves=True)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}
    assert alpha.answers(iris, "1.1")
    assert alpha.state(iris, "1.0") == "available"


def test_a_roll_forward_of_what_never_had_traffic_is_refused_with_the_reason(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("no healthy connection"))
    swapper.rollback(swap.pk)
    observed, step = decided(swap)
    assert isinstance(step, MoveTo)
    carry_out(observed, step)
    with pytest.raises(NotPossibleNow, match=r"1\.1 never had traffic"):
        apply_command(swap.pk, Command.ROLL_FORWARD, actor=OPERATOR)
    carry_on(swap, until=S.ROLLED_BACK)


def test_a_roll_forward_that_a_cold_node_holds_up_says_so_and_goes_on_once_it_is_warm(
    iris: str, nodes: Nodes, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    cold = nodes.connect("edge-2", warms=False)
    swapper.rollback(swap.pk)
    carry_on(swap, until=waits_for("edge-2 has no healthy connection to 1.0 yet"))
    apply_command(swap.pk, Command.ROLL_FORWARD, actor=OPERATOR)
    carry_on(
        swap,
        until=waits_for(
            "(asked to roll forward, which waits: edge-2 has no healthy connection to 1.1 yet)"
        ),
    )
    assert "asked to roll forward" in (read_swap(fresh(swap)).waiting_for or "")
    cold.now(warms=True)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


def test_promote_while_paused_passes_the_step_and_goes_on(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    apply_command(swap.pk, Command.PAUSE, actor=OPERATOR)
    carry_on(swap, until=waits_for("paused: resume it or roll it back"))
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


@pytest.mark.parametrize(
    ("command", "actor"), [(Command.PROMOTE, OPERATOR), (Command.FORCE_UNLOAD, ADMINISTRATOR)]
)
def test_a_bake_time_ends_at_once_by_a_promote_or_by_force(
    command: Command, actor: Actor, iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", keep_warm_seconds=3600)
    carry_on(swap, until=waits_for("stays warm for a quick way back"))
    assert alpha.answers(iris, "1.0")
    apply_command(swap.pk, command, actor=actor)
    carry_on(swap, until=S.COMPLETED)
    assert alpha.state(iris, "1.0") == "available"
    passed = SwapEvent.objects.get(swap=swap, data__point_of_no_return=True)
    assert passed.data["forced"] is False  # it was idle, whoever hurried it


def test_promote_in_full_passes_every_step_that_is_left(
    iris: str, swapper: ModelHotSwapper
) -> None:
    long = {"steps": [{"setWeight": 5}, {"pause": {}}, {"setWeight": 50}, {"pause": {}}]}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=long)
    carry_on(swap, until=waits_for("paused until promoted"))
    assert weights(iris) == {"1.0": 95, "1.1": 5}
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR, full=True)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


def test_paused_no_weight_grows_until_it_is_resumed(iris: str, swapper: ModelHotSwapper) -> None:
    held = {"steps": [{"setWeight": 50}, {"pause": {"duration": 600}}]}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=held)
    carry_on(swap, until=waits_for("holding at 50 %"))
    apply_command(swap.pk, Command.PAUSE, actor=OPERATOR)
    time_passes(swap, 601)
    carry_on(swap, until=waits_for("paused: resume it or roll it back"))
    assert weights(iris) == {"1.0": 50, "1.1": 50}
    apply_command(swap.pk, Command.RESUME, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)


def test_while_it_rolls_back_the_drain_is_extended_and_forced(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    node.now(proves=False)
    swapper.rollback(swap.pk)
    carry_on(swap, until=waits_for("1.1 is not yet idle"))
    time_passes(swap, 60)
    carry_on(swap, until=waits_for("its time is over: extend the drain, roll forward, or have"))
    apply_command(swap.pk, Command.EXTEND_DRAIN, actor=OPERATOR, seconds=600)
    carry_on(swap, until=lambda seen: "its time is over" not in seen.waiting_for)
    assert alpha.answers(iris, "1.1")
    apply_command(swap.pk, Command.FORCE_UNLOAD, actor=ADMINISTRATOR)
    done = carry_on(swap, until=S.ROLLED_BACK)
    assert done.forced_by == ADMINISTRATOR.name
    assert_1_0_serves_alone(iris, alpha)
