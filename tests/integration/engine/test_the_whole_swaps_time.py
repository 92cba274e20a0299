"""`swap_timeout_seconds`: it runs from a swap's turn, and in each state it has its exit."""

from datetime import timedelta

import pytest

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.readings.swap.swaps import read_swap
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    fresh,
    time_given,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
TIME = 300  # less than the load may take
LATE = "the whole swap took longer than it may"


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def test_in_line_it_does_not_run(iris: str, swapper: ModelHotSwapper) -> None:
    first = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    second = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue", swap_timeout_seconds=TIME)
    carry_on(first, until=waits_for("paused until promoted"))
    time_passes(second, 2 * TIME)
    reading = read_swap(fresh(second))
    assert (reading.deadline, reading.swap_timeout_seconds) == (None, TIME)
    assert reading.waiting_for == f"Waiting in line, first: one swap of {iris} at a time."
    apply_command(first.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(first, until=S.COMPLETED)
    carry_on(second, until=S.COMPLETED)
    assert time_given(second) == timedelta(seconds=TIME)


def test_over_while_it_loads_it_fails(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1", swap_timeout_seconds=TIME)
    carry_on(swap, until=waits_for("no healthy connection"))
    time_passes(swap, TIME + 1)
    failed = carry_on(swap, until=S.FAILED)
    assert LATE in (failed.error_message or "")
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")


def test_over_in_a_pause_all_traffic_goes_back(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(
        iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY, swap_timeout_seconds=TIME
    )
    carry_on(swap, until=waits_for("paused until promoted"))
    time_passes(swap, TIME + 1)
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message == LATE
    assert weights(iris) == {"1.0": 100}
    assert alpha.state(iris, "1.1") == "available"


def test_over_while_the_old_version_drains_the_operator_is_asked_and_may_extend_it(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(
        iris, "1.0", "1.1", drain_timeout_seconds=2 * TIME, swap_timeout_seconds=TIME
    )
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    time_passes(swap, TIME + 1)
    carry_on(swap, until=waits_for("its time is over: extend the drain, roll back, or have"))
    assert alpha.answers(iris, "1.0")
    apply_command(swap.pk, Command.EXTEND_DRAIN, actor=OPERATOR, seconds=TIME)
    carry_on(swap, until=lambda seen: "its time is over" not in seen.waiting_for)
    node.now(proves=True)
    carry_on(swap, until=S.COMPLETED)
