"""Several swaps of one model: one is open, the others wait in line."""

import pytest
from django.db import transaction

from swaps.commands.errors import NotPossibleNow, QueueHeld, SwapInProgress, VersionNotActive
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command, release_queue
from swaps.domain.commands import Command
from swaps.domain.decisions import MoveTo
from swaps.domain.states import SwapState
from swaps.engine.observe import ObservedSwap
from swaps.models import SwapEvent, SwapOperation
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    Beside,
    a_serving_model,
    carry_on,
    carry_out,
    decided,
    fresh,
    next_is,
    row_of,
    somebody_waits_for_a_lock,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def queue_up(
    swapper: ModelHotSwapper, iris: str, *versions: str, load: str = "1.0"
) -> list[SwapOperation]:
    """A chain of swaps from the version that serves; the first is open, the rest wait."""
    chain = zip((load, *versions), versions, strict=False)
    return [swapper.swap_version(iris, old, new, when_busy="queue") for old, new in chain]


def states(*swaps: SwapOperation) -> list[str]:
    return [fresh(swap).state for swap in swaps]


def test_a_chain_of_swaps_is_carried_out_in_the_order_it_was_asked_for(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    chain = queue_up(swapper, iris, "1.1", "1.0", "1.1")
    for number, swap in enumerate(chain):
        assert states(*chain[number:]) == [S.NOT_STARTED] * (3 - number)
        carry_on(swap, until=S.COMPLETED)
    ends = [fresh(swap).end_time for swap in chain]
    assert ends == sorted(end for end in ends if end)
    assert weights(iris) == {"1.1": 100}
    assert alpha.answers(iris, "1.1")
    assert alpha.state(iris, "1.0") == "available"


def test_a_swap_in_line_starts_from_what_the_one_ahead_will_leave(
    iris: str, swapper: ModelHotSwapper
) -> None:
    queue_up(swapper, iris, "1.1")
    with pytest.raises(VersionNotActive, match=r"the swap ahead ends with 1\.1"):
        swapper.swap_version(iris, "1.0", "1.1", when_busy="queue")


def test_a_swap_in_line_is_cancelled_at_once(iris: str, swapper: ModelHotSwapper) -> None:
    first, second = queue_up(swapper, iris, "1.1", "1.0")
    apply_command(second.pk, Command.CANCEL, actor=OPERATOR)
    assert states(first, second) == [S.NOT_STARTED, S.CANCELLED]
    carry_on(first, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}
    assert fresh(second).end_time is not None


def test_what_stood_behind_a_cancelled_swap_fails_when_its_source_does_not_serve(
    iris: str, swapper: ModelHotSwapper
) -> None:
    first, second, third = queue_up(swapper, iris, "1.1", "1.0", "1.1")
    apply_command(second.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(first, until=S.COMPLETED)
    failed = carry_on(third, until=S.FAILED)
    assert failed.error_message == "1.0 does not hold 100 % any more: 1.1 does"
    assert weights(iris) == {"1.1": 100}


def test_the_line_goes_on_after_a_cancelled_swap(iris: str, swapper: ModelHotSwapper) -> None:
    first, second = queue_up(swapper, iris, "1.1", "1.0")
    apply_command(first.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(first, until=S.CANCELLED)
    assert fresh(second).queued is False


def a_held_queue(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> tuple[SwapOperation, SwapOperation]:
    """The first swap failed at the router; the second waits for the operator."""
    node.now(refuses_version="1.1")
    first = swapper.swap_version(iris, "1.0", "1.1", strategy={"steps": [{"setWeight": 50}]})
    second = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
    carry_on(first, until=S.FAILED)
    node.now(refuses_version="")
    return first, second


def test_the_line_is_held_after_a_failure_until_an_operator_releases_it(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    _, second = a_held_queue(iris, node, swapper)
    assert "ended Failed" in row_of(iris).queue_held_reason
    assert (fresh(second).state, fresh(second).queued) == (S.NOT_STARTED, True)
    with pytest.raises(QueueHeld):
        swapper.swap_version(iris, "1.0", "1.1", when_busy="queue")
    with pytest.raises(SwapInProgress):
        swapper.swap_version(iris, "1.0", "1.1")
    release_queue(actor=OPERATOR, model_name=iris)
    assert row_of(iris).queue_held_reason == ""
    # Its turn came, and its source is checked again: 1.1 never served.
    failed = carry_on(second, until=S.FAILED)
    assert failed.error_message == "1.1 does not hold 100 % any more: 1.0 does"
    with pytest.raises(NotPossibleNow, match="not held"):
        release_queue(actor=OPERATOR, model_name=iris)


def test_the_line_is_held_after_a_rollback_too(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    first, second = queue_up(swapper, iris, "1.1", "1.0")
    carry_on(first, until=waits_for("not yet idle"))
    swapper.rollback(first.pk)
    node.now(proves=True)
    carry_on(first, until=S.ROLLED_BACK)
    assert "ended RolledBack" in row_of(iris).queue_held_reason
    assert fresh(second).queued is True


def test_a_rollback_goes_ahead_of_a_held_line_and_leaves_it_held(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    completed = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(completed, until=S.COMPLETED)
    alpha.put(iris, "2.0", like="iris/1.1")
    node.now(refuses_version="2.0")
    failing = swapper.swap_version(iris, "1.1", "2.0", strategy={"steps": [{"setWeight": 50}]})
    waiting = swapper.swap_version(iris, "2.0", "1.0", when_busy="queue")
    carry_on(failing, until=S.FAILED)
    node.now(refuses_version="")
    back = swapper.rollback(completed.pk)
    # Released while the rollback is open: the line waits for its end.
    release_queue(actor=OPERATOR, model_name=iris)
    assert (fresh(back).queued, fresh(waiting).queued) == (False, True)
    carry_on(back, until=S.COMPLETED)
    assert weights(iris) == {"1.0": 100}
    assert fresh(waiting).queued is False


def test_a_line_that_is_held_stays_held_when_a_rollback_completes(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    completed = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(completed, until=S.COMPLETED)
    alpha.put(iris, "2.0", like="iris/1.1")
    node.now(refuses_version="2.0")
    failing = swapper.swap_version(iris, "1.1", "2.0", strategy={"steps": [{"setWeight": 50}]})
    waiting = swapper.swap_version(iris, "2.0", "1.0", when_busy="queue")
    carry_on(failing, until=S.FAILED)
    carry_on(swapper.rollback(completed.pk), until=S.COMPLETED)
    assert row_of(iris).queue_held_reason != ""
    assert fresh(waiting).queued is True
    release_queue(actor=OPERATOR, model_name=iris)
    assert fresh(waiting).queued is False


def test_a_swap_that_joins_the_line_while_the_open_one_ends_is_not_forgotten(
    iris: str, swapper: ModelHotSwapper
) -> None:
    first = swapper.swap_version(iris, "1.0", "1.1")
    last = next_is_the_end(first)
    with transaction.atomic():
        second = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
        # Not committed yet: the end of the first must wait for whoever is joining.
        end = Beside(lambda: carry_out(*last))
        wait_until(lambda: end.over or somebody_waits_for_a_lock(), "the end is under way")
    assert end.outcome() is True
    assert states(first, second) == [S.COMPLETED, S.NOT_STARTED]
    assert fresh(second).queued is False  # its turn has come
    carry_on(second, until=S.COMPLETED)


def next_is_the_end(swap: SwapOperation) -> tuple[ObservedSwap, MoveTo]:
    while True:
        observed, step = next_is(MoveTo, swap)
        if step.state is S.COMPLETED:
            return observed, step
        carry_out(observed, step)


def test_every_turn_is_in_the_swaps_own_story(iris: str, swapper: ModelHotSwapper) -> None:
    first, second = queue_up(swapper, iris, "1.1", "1.0")
    carry_on(first, until=S.COMPLETED)
    assert SwapEvent.objects.filter(swap=second, reason="its turn has come").count() == 1
    assert decided(second)[1]
