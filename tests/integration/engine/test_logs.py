"""The log has one line for each event of a swap, with the same ids and words, and no other."""

import json
import logging
from typing import Any

import pytest
import structlog

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.decisions import PassReturn
from swaps.domain.states import SwapState
from swaps.engine.write.store import StaleSwap
from swaps.models import Route, SwapOperation
from swaps.readings.swap.events import read_events
from swaps.readings.swap.swaps import read_swap
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    carry_out,
    fresh,
    next_is,
    waits_for,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.INFO, "swaps.engine")
    return a_serving_model(alpha)


def lines_of(swap: SwapOperation, caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    logged = [record.msg for record in caplog.records if record.name == "swaps.engine"]
    return [
        line
        for line in logged
        if isinstance(line, dict) and line["event"] == "swap" and line["swap"] == str(swap.pk)
    ]


def assert_the_log_tells_its_story(swap: SwapOperation, caplog: pytest.LogCaptureFixture) -> None:
    words = ("generation", "kind", "from_state", "to_state", "actor", "reason")
    lines, events = lines_of(swap, caplog), read_events(fresh(swap))
    assert [tuple(line[word] or None for word in words[1:]) for line in lines] == [
        tuple(getattr(event, word) for word in words[1:]) for event in events
    ]
    assert [line["generation"] for line in lines] == [event.generation for event in events]
    reading = read_swap(fresh(swap))
    for line in lines:
        assert (line["swap"], line["model"]) == (str(reading.id), reading.model_name)
        assert (line["from_version"], line["to_version"]) == ("1.0", "1.1")
        assert isinstance(line["in_state_ms"], int)
        json.loads(structlog.processors.JSONRenderer()(None, "info", dict(line)))


def test_each_transition_step_and_command_is_one_line(
    iris: str, swapper: ModelHotSwapper, caplog: pytest.LogCaptureFixture
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY, reason="better")
    carry_on(swap, until=waits_for("paused until promoted"))
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR, reason="looks good")
    carry_on(swap, until=S.COMPLETED)
    assert_the_log_tells_its_story(swap, caplog)
    transitions = [line for line in lines_of(swap, caplog) if line["kind"] == "transition"]
    assert [line["to_state"] for line in transitions] == [
        S.LOADING_NEW_VERSION,
        S.TRANSITIONING,
        S.OLD_VERSION_DRAINING,
        S.COMPLETED,
    ]


def test_a_swap_in_line_that_gets_its_turn_or_is_cancelled_has_its_lines(
    iris: str, swapper: ModelHotSwapper, caplog: pytest.LogCaptureFixture
) -> None:
    first = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    back = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
    again = swapper.swap_version(iris, "1.0", "1.1", when_busy="queue")
    last = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
    apply_command(last.pk, Command.CANCEL, actor=OPERATOR)
    assert [line["to_state"] for line in lines_of(last, caplog)] == [S.NOT_STARTED, S.CANCELLED]
    carry_on(first, until=waits_for("paused until promoted"))
    apply_command(first.pk, Command.PROMOTE, actor=OPERATOR, full=True)
    for swap in (first, back, again):
        carry_on(swap, until=S.COMPLETED)
    assert_the_log_tells_its_story(again, caplog)
    assert "its turn has come" in [line["reason"] for line in lines_of(again, caplog)]


def test_what_was_rolled_back_is_not_in_the_log(
    iris: str, swapper: ModelHotSwapper, caplog: pytest.LogCaptureFixture
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    decided = next_is(PassReturn, swap)
    route = Route.objects.get(model__name=iris)
    Route.objects.filter(pk=route.pk).update(revision=route.revision + 1)
    with pytest.raises(StaleSwap):
        carry_out(*decided)
    assert_the_log_tells_its_story(swap, caplog)
    carry_on(swap, until=S.COMPLETED)
    assert_the_log_tells_its_story(swap, caplog)
