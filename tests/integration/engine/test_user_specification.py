"""What the user specified, line by line, at the Python interface.

Rolling back in each state is in test_rollback_in_each_state.py, swaps in line are in
test_queue.py, and the same through a real router in test_through_a_real_router.py.
"""

import uuid
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.commands.errors import (
    DrainTimeout,
    ModelNotFound,
    SwapInProgress,
    SwapNotFound,
    VersionNotActive,
    VersionNotFound,
)
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.nodes.ending import retire_node
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import Phase, SwapState
from swaps.engine.advance import advance
from swaps.models import SwapEvent, SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    Beside,
    a_serving_model,
    at_once,
    carry_on,
    fresh,
    placement,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
SOON = timedelta(seconds=0.2)


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    """A model whose 1.0 serves on alpha; 1.1 is on disk."""
    return a_serving_model(alpha)


def test_swap_1_0_to_1_1_keeps_both_active_during_the_transition(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    assert (swap.model_name, swap.from_version, swap.to_version) == (iris, "1.0", "1.1")
    assert swap.state == S.NOT_STARTED  # it returned at once
    carry_on(swap, until=waits_for("paused until promoted"))
    assert weights(iris) == {"1.0": 50, "1.1": 50}
    for version in ("1.0", "1.1"):
        assert swapper.is_version_active(iris, version)
        assert alpha.answers(iris, version)
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    done = carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}
    assert swapper.is_version_active(iris, "1.1")
    assert not swapper.is_version_active(iris, "1.0")
    assert alpha.state(iris, "1.0") == "available"
    assert alpha.answers(iris, "1.1")
    assert done.end_time is not None
    assert done.error_message is None


def test_the_old_version_is_active_until_the_point_of_no_return(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(acks=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("has not applied"))
    assert weights(iris) == {"1.1": 100}  # but nobody has it yet
    assert swapper.is_version_active(iris, "1.0")
    node.now(acks=True, proves=False)
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    assert swapper.is_version_active(iris, "1.0")
    node.now(proves=True)
    carry_on(swap, until=S.COMPLETED)
    assert not swapper.is_version_active(iris, "1.0")


def test_a_target_version_that_does_not_exist_is_refused(
    iris: str, swapper: ModelHotSwapper
) -> None:
    with pytest.raises(VersionNotFound, match=r"9\.9 is not on alpha"):
        swapper.swap_version(iris, "1.0", "9.9")
    assert not SwapOperation.objects.filter(to_version="9.9").exists()
    assert weights(iris) == {"1.0": 100}


def test_a_source_version_that_is_not_active_is_refused(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    alpha.put(iris, "2.0", like="iris/1.1")
    with pytest.raises(VersionNotActive, match=r"1\.1 does not hold all traffic: 1\.0 does"):
        swapper.swap_version(iris, "1.1", "2.0")
    assert not SwapOperation.objects.filter(to_version="2.0").exists()


def test_a_model_or_swap_that_nobody_knows_is_refused(node: Node, swapper: ModelHotSwapper) -> None:
    with pytest.raises(ModelNotFound):
        swapper.swap_version("nobody", "1.0", "1.1")
    with pytest.raises(ModelNotFound):
        swapper.is_version_active("nobody", "1.0")
    with pytest.raises(SwapNotFound):
        swapper.get_swap_status(uuid.uuid4())
    with pytest.raises(SwapNotFound):
        swapper.rollback(uuid.uuid4())


def test_drainage_completes_when_the_version_is_idle(iris: str, swapper: ModelHotSwapper) -> None:
    swapper.wait_for_drainage(iris, "1.0", timedelta(seconds=60))


def test_drainage_times_out_while_a_request_runs(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    with pytest.raises(DrainTimeout, match="edge-1"):
        swapper.wait_for_drainage(iris, "1.0", SOON)
    waiting = Beside(lambda: swapper.wait_for_drainage(iris, "1.0", timedelta(seconds=60)))
    assert not waiting.over
    node.now(proves=True)
    assert waiting.outcome() is None


def test_drainage_of_a_version_that_is_nowhere_is_refused(
    iris: str, swapper: ModelHotSwapper
) -> None:
    with pytest.raises(VersionNotFound):
        swapper.wait_for_drainage(iris, "9.9", SOON)


def test_rollback_returns_all_traffic_to_the_old_version(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    swapper.rollback(swap.pk)
    done = carry_on(swap, until=S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")
    assert alpha.state(iris, "1.1") == "available"
    assert swapper.is_version_active(iris, "1.0")
    assert not swapper.is_version_active(iris, "1.1")
    assert done.error_message is None


def test_status_is_right_in_every_state_of_a_swap_that_completes(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False, acks=False, proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")

    def status() -> tuple[str, Phase, bool, str | None]:
        seen = swapper.get_swap_status(swap.pk)
        return seen.state, seen.phase, seen.end_time is None, seen.error_message

    assert status() == (S.NOT_STARTED, Phase.PENDING, True, None)
    carry_on(swap, until=waits_for("no healthy connection to 1.1"))
    assert status() == (S.LOADING_NEW_VERSION, Phase.IN_PROGRESS, True, None)
    node.now(warms=True)
    carry_on(swap, until=waits_for("has not applied revision"))
    assert status() == (S.TRANSITIONING, Phase.IN_PROGRESS, True, None)
    node.now(acks=True)
    carry_on(swap, until=waits_for("1.0 is not yet idle on edge-1"))
    assert status() == (S.OLD_VERSION_DRAINING, Phase.IN_PROGRESS, True, None)
    node.now(proves=True)
    carry_on(swap, until=S.COMPLETED)
    assert status() == (S.COMPLETED, Phase.COMPLETED, False, None)
    story = SwapEvent.objects.filter(swap=swap, kind="transition")
    assert list(story.values_list("to_state", flat=True)) == [
        S.LOADING_NEW_VERSION,
        S.TRANSITIONING,
        S.OLD_VERSION_DRAINING,
        S.COMPLETED,
    ]


def test_status_is_right_in_every_state_of_a_swap_that_does_not(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    node.now(proves=False)
    swapper.rollback(swap.pk)
    rolling = carry_on(swap, until=waits_for("1.1 is not yet idle"))
    assert (rolling.state, rolling.phase) == (S.ROLLING_BACK, Phase.IN_PROGRESS)
    node.now(proves=True)
    assert carry_on(swap, until=S.ROLLED_BACK).phase is Phase.COMPLETED

    cancelled = swapper.swap_version(iris, "1.0", "1.1")
    apply_command(cancelled.pk, Command.CANCEL, actor=OPERATOR)
    over = carry_on(cancelled, until=S.CANCELLED)
    assert (over.phase, over.error_message) == (Phase.COMPLETED, None)

    alpha.put(iris, "1.2", like="iris/1.2")  # a file cut short
    failed = carry_on(swapper.swap_version(iris, "1.0", "1.2"), until=S.FAILED)
    assert failed.phase is Phase.COMPLETED
    assert failed.error_message is not None


def test_swaps_of_different_models_run_side_by_side(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    other = a_serving_model(alpha)
    node.now(proves=False)
    swaps = [swapper.swap_version(model, "1.0", "1.1") for model in (iris, other)]
    for swap in swaps:
        carry_on(swap, until=S.OLD_VERSION_DRAINING)
    assert {fresh(swap).state for swap in swaps} == {S.OLD_VERSION_DRAINING}  # both at once
    node.now(proves=True)
    at_once(*[partial(advance, swap.pk) for swap in swaps])
    for swap in swaps:
        carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == weights(other) == {"1.1": 100}


def test_a_second_swap_of_one_model_is_refused_and_told_which_is_in_its_way(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    with pytest.raises(SwapInProgress) as refusal:
        swapper.swap_version(iris, "1.0", "1.1")
    assert refusal.value.swap_id == swap.pk
    carry_on(swap, until=S.COMPLETED)
    assert SwapOperation.objects.filter(model__name=iris, from_version="1.0").count() == 1


def test_a_second_swap_of_one_model_is_queued_when_asked(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    queued = swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
    assert (queued.state, queued.queued) == (S.NOT_STARTED, True)
    advance(queued.pk)
    assert fresh(queued).state == S.NOT_STARTED  # it waits for its turn
    carry_on(swap, until=S.COMPLETED)
    carry_on(queued, until=S.COMPLETED)
    assert weights(iris) == {"1.0": 100}


def test_a_load_failure_fails_the_swap_and_the_old_version_serves_on(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    alpha.put(iris, "1.2", like="iris/1.2")  # a file cut short
    swap = swapper.swap_version(iris, "1.0", "1.2")
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message is not None
    assert "1.2 could not be loaded on alpha" in failed.error_message
    assert weights(iris) == {"1.0": 100}
    assert swapper.is_version_active(iris, "1.0")
    assert not swapper.is_version_active(iris, "1.2")
    assert alpha.answers(iris, "1.0")


def test_a_router_update_failure_takes_the_traffic_back(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(refuses_version="1.1")
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message is not None
    assert "edge-1 refuses revision" in failed.error_message
    assert "no 1.1 here" in failed.error_message
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")
    assert alpha.state(iris, "1.1") == "available"


def test_a_router_that_does_not_answer_in_time_takes_the_traffic_back(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(acks=False)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("has not applied revision"))
    time_passes(swap, 60)
    carry_on(swap, until=S.ROLLING_BACK)
    node.now(acks=True)
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message is not None
    assert "edge-1 did not apply revision" in failed.error_message
    assert weights(iris) == {"1.0": 100}


def test_an_old_version_that_never_drains_asks_the_operator_and_stays_loaded(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    time_passes(swap, 60)
    overdue = carry_on(swap, until=waits_for("extend the drain, roll back, or have an admin"))
    assert "1.0 is not yet idle on edge-1" in overdue.waiting_for
    assert alpha.answers(iris, "1.0")
    assert weights(iris) == {"1.1": 100}
    apply_command(swap.pk, Command.EXTEND_DRAIN, actor=OPERATOR, seconds=600)
    extended = carry_on(swap, until=lambda s: "its time is over" not in s.waiting_for)
    assert extended.drain_deadline is not None
    apply_command(swap.pk, Command.FORCE_UNLOAD, actor=ADMINISTRATOR)
    done = carry_on(swap, until=S.COMPLETED)
    assert done.forced_by == ADMINISTRATOR.name
    assert alpha.state(iris, "1.0") == "available"


def test_an_old_version_that_never_drains_rolls_back_where_that_is_the_policy(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1", on_drain_timeout="rollback")
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    time_passes(swap, 60)
    carry_on(swap, until=S.ROLLING_BACK)
    node.now(proves=True)
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message is not None
    assert "1.0 was not idle in time" in failed.error_message
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")


def test_an_old_version_that_never_drains_is_forced_out_where_that_is_the_policy(
    iris: str, node: Node, alpha: HostOfTests
) -> None:
    node.now(proves=False)
    swap = ModelHotSwapper(ADMINISTRATOR).swap_version(iris, "1.0", "1.1", on_drain_timeout="force")
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    time_passes(swap, 60)
    carry_on(swap, until=S.COMPLETED)
    assert alpha.state(iris, "1.0") == "available"
    forced = SwapEvent.objects.get(swap=swap, data__point_of_no_return=True)
    assert forced.data["forced"] is True


def test_a_node_that_is_away_is_never_forced_past(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.OLD_VERSION_DRAINING)
    node.goes_away()
    apply_command(swap.pk, Command.FORCE_UNLOAD, actor=ADMINISTRATOR)
    waiting = carry_on(swap, until=waits_for("edge-1 is away"))
    assert waiting.past_return_at is None
    assert alpha.answers(iris, "1.0")


def test_a_node_that_vanished_blocks_the_drain_by_name_until_it_is_retired(
    iris: str, node: Node, nodes: Nodes, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    gone = nodes.connect("edge-2", proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("1.0 is not yet idle on edge-2"))
    gone.goes_away()
    waiting = carry_on(swap, until=waits_for("edge-2 is away and may still send requests to 1.0"))
    assert "bring it back or retire it" in waiting.waiting_for
    assert alpha.answers(iris, "1.0")
    retire_node(actor=ADMINISTRATOR, nonce=gone.of.nonce, reason="its machine burned down")
    carry_on(swap, until=S.COMPLETED)
    assert alpha.state(iris, "1.0") == "available"


@pytest.mark.parametrize("sample_request", [SAMPLE_REQUESTS["iris"], None])
def test_the_new_version_is_warmed_up_on_every_target_host_before_it_has_any_weight(
    sample_request: dict[str, Any] | None,
    alpha: HostOfTests,
    beta: HostOfTests,
    node: Node,
    swapper: ModelHotSwapper,
) -> None:
    """By the operator's request, or by one made from the host's metadata."""
    iris = a_serving_model(alpha, beta, sample_request=sample_request)
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    loading = carry_on(swap, until=waits_for("no healthy connection to 1.1"))
    assert weights(iris) == {"1.0": 100}
    for host in (alpha, beta):
        assert host.status(iris, "1.1")["requests_total"] == 1 + loading.warmup_requests
        assert placement(iris, "1.1", host).answers
    node.now(warms=True)
    carry_on(swap, until=S.COMPLETED)
