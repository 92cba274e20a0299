"""Two who want something at the same moment, on real Postgres: one winner, never both."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.db import transaction

from swaps.commands.errors import PastPointOfNoReturn, SwapInProgress, VersionNotActive
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.decisions import CallHosts, PassReturn, Wait
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.write.store import StaleSwap
from swaps.models import AuditEntry, Route, SwapEvent, SwapOperation
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    Beside,
    a_serving_model,
    advance_elsewhere,
    at_once,
    carry_on,
    carry_out,
    decided,
    fresh,
    next_is,
    somebody_waits_for_a_lock,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def assert_one_event_a_generation(swap: SwapOperation) -> None:
    generations = SwapEvent.objects.filter(swap=swap).values_list("generation", flat=True)
    assert list(generations) == list(range(fresh(swap).generation + 1))


def is_stale(outcome: Any) -> bool:
    return isinstance(outcome, StaleSwap)


# --- two workers on one swap


def test_of_two_workers_that_decide_on_the_same_snapshot_one_wins(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy={"steps": [{"setWeight": 50}]})
    revision = Route.objects.get(model__name=iris).revision
    lost = 0
    while fresh(swap).state not in END_STATES:
        both = [decided(swap), decided(swap)]
        if any(isinstance(step, Wait) for _, step in both):
            continue  # a node answered between the two looks, or is about to
        outcomes = at_once(*[partial(carry_out, *one) for one in both])
        assert all(is_stale(one) or isinstance(one, bool) for one in outcomes), outcomes
        writes = [
            one
            for one, (_, step) in zip(outcomes, both, strict=False)
            if not isinstance(step, CallHosts)
        ]
        if len(writes) == 2:
            assert sorted(map(is_stale, writes)) == [False, True]
            lost += 1
    assert lost >= 4  # of the start, two weights, the drain, the return and the end
    assert_one_event_a_generation(swap)
    assert fresh(swap).state == S.COMPLETED
    # 50 % and 100 %, each once.
    assert Route.objects.get(model__name=iris).revision == revision + 2
    assert alpha.answers(iris, "1.1")
    assert alpha.state(iris, "1.0") == "available"


def test_two_workers_that_run_freely_do_no_step_twice(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    old, new = "1.0", "1.1"
    for _ in range(4):
        revision = Route.objects.get(model__name=iris).revision
        swap = swapper.swap_version(iris, old, new, strategy={"steps": [{"setWeight": 50}]})

        def work(swap: SwapOperation = swap) -> None:
            while fresh(swap).state not in END_STATES:
                advance_elsewhere(swap)

        assert at_once(work, work) == [None, None]
        assert fresh(swap).state == S.COMPLETED
        assert_one_event_a_generation(swap)
        assert Route.objects.get(model__name=iris).revision == revision + 2
        assert alpha.state(iris, old) == "available"
        old, new = new, old


# --- two commands


def test_two_promotes_at_once_pass_one_pause(iris: str, swapper: ModelHotSwapper) -> None:
    two_pauses = {"steps": [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=two_pauses)
    carry_on(swap, until=waits_for("paused until promoted"))

    def promote() -> SwapOperation:
        return apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)

    at_once(promote, promote)
    carry_on(swap, until=lambda s: weights(iris)["1.1"] == 60)
    carry_on(swap, until=waits_for("paused until promoted"))
    assert weights(iris) == {"1.0": 40, "1.1": 60}
    assert_one_event_a_generation(swap)
    assert AuditEntry.objects.filter(swap=swap.pk, action="promote").count() == 2


def test_cancel_and_rollback_at_once_end_the_swap_once(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("no healthy connection"))
    outcomes = at_once(
        lambda: apply_command(swap.pk, Command.CANCEL, actor=OPERATOR),
        lambda: apply_command(swap.pk, Command.ROLLBACK, actor=OPERATOR),
        lambda: advance_elsewhere(swap),
    )
    assert not any(is_stale(one) for one in outcomes), outcomes
    over = carry_on(swap, until=lambda s: s.state in END_STATES)
    assert over.state in {S.CANCELLED, S.ROLLED_BACK}
    assert_one_event_a_generation(swap)
    assert weights(iris) == {"1.0": 100}


def test_two_rollbacks_of_a_completed_swap_at_once_make_one_new_swap(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.COMPLETED)
    outcomes = at_once(lambda: swapper.rollback(swap.pk), lambda: swapper.rollback(swap.pk))
    assert len([one for one in outcomes if isinstance(one, SwapInProgress)]) == 1, outcomes
    assert SwapOperation.objects.filter(reverses=swap).count() == 1


# --- rollback against the point of no return


def at_the_point_of_no_return(
    swapper: ModelHotSwapper, iris: str, old: str = "1.0", new: str = "1.1"
) -> tuple[SwapOperation, Callable[[], bool]]:
    """A swap whose next step is the point of no return, and that step, decided already."""
    swap = swapper.swap_version(iris, old, new)
    observed, step = next_is(PassReturn, swap)
    return swap, lambda: carry_out(observed, step)


def test_a_rollback_that_commits_first_wins_over_the_point_of_no_return(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap, pass_return = at_the_point_of_no_return(swapper, iris)
    with transaction.atomic():
        swapper.rollback(swap.pk)
        worker = Beside(pass_return)
        wait_until(lambda: worker.over or somebody_waits_for_a_lock(), "the worker is under way")
    assert is_stale(worker.outcome())
    assert fresh(swap).past_return_at is None
    carry_on(swap, until=S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}
    assert alpha.answers(iris, "1.0")


def test_a_point_of_no_return_that_commits_first_wins_over_a_rollback(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap, pass_return = at_the_point_of_no_return(swapper, iris)
    with transaction.atomic():
        pass_return()
        command = Beside(lambda: swapper.rollback(swap.pk))
        wait_until(lambda: command.over or somebody_waits_for_a_lock(), "the command waits")
    assert isinstance(command.outcome(), PastPointOfNoReturn)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}
    assert alpha.state(iris, "1.0") == "available"


def test_rollback_and_point_of_no_return_at_once_have_exactly_one_winner(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    old, new = "1.0", "1.1"
    for _ in range(6):
        swap, pass_return = at_the_point_of_no_return(swapper, iris, old, new)
        passed, asked = at_once(pass_return, partial(swapper.rollback, swap.pk))
        if is_stale(passed):
            assert isinstance(asked, SwapOperation), asked
            carry_on(swap, until=S.ROLLED_BACK)
        else:
            assert isinstance(asked, PastPointOfNoReturn), asked
            carry_on(swap, until=S.COMPLETED)
            old, new = new, old
        assert weights(iris) == {old: 100}
        assert alpha.answers(iris, old)
        assert alpha.state(iris, new) == "available"


def test_the_point_of_no_return_is_refused_when_a_node_without_a_proof_appears(
    iris: str, nodes: Nodes, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap, pass_return = at_the_point_of_no_return(swapper, iris)
    late = nodes.connect("edge-2", proves=False)
    with pytest.raises(StaleSwap, match="node"):
        pass_return()
    waiting = carry_on(swap, until=waits_for("1.0 is not yet idle on edge-2"))
    assert waiting.past_return_at is None
    assert alpha.answers(iris, "1.0")
    late.now(proves=True)
    carry_on(swap, until=S.COMPLETED)


def test_the_point_of_no_return_is_refused_when_the_route_changed(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap, pass_return = at_the_point_of_no_return(swapper, iris)
    route = Route.objects.get(model__name=iris)
    Route.objects.filter(pk=route.pk).update(revision=route.revision + 1)
    with pytest.raises(StaleSwap, match="no longer revision"):
        pass_return()
    assert fresh(swap).past_return_at is None
    assert alpha.answers(iris, "1.0")
    # The proof is asked for anew, for the route as it is now.
    done = carry_on(swap, until=S.COMPLETED)
    assert done.revision == Route.objects.get(pk=route.pk).revision > route.revision + 1


def test_no_node_at_all_proves_nothing(
    iris: str, node: Node, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap, pass_return = at_the_point_of_no_return(swapper, iris)
    node.row.delete()
    with pytest.raises(StaleSwap):
        pass_return()
    waiting = carry_on(swap, until=waits_for("no router node is connected"))
    assert waiting.past_return_at is None
    assert alpha.answers(iris, "1.0")


# --- two requests


def test_two_requests_for_one_model_at_once_make_one_open_swap(
    iris: str, swapper: ModelHotSwapper
) -> None:
    def request() -> SwapOperation:
        return swapper.swap_version(iris, "1.0", "1.1")

    outcomes = at_once(request, request, request, request)
    made = [one for one in outcomes if isinstance(one, SwapOperation)]
    refused = [one for one in outcomes if isinstance(one, SwapInProgress)]
    assert (len(made), len(refused)) == (1, 3), outcomes
    assert {one.swap_id for one in refused} == {made[0].pk}
    assert SwapOperation.objects.filter(model__name=iris, from_version="1.0").count() == 1


def test_two_requests_at_once_that_may_queue_make_a_chain_or_are_refused(
    iris: str, swapper: ModelHotSwapper
) -> None:
    outcomes = at_once(
        lambda: swapper.swap_version(iris, "1.0", "1.1", when_busy="queue"),
        lambda: swapper.swap_version(iris, "1.1", "1.0", when_busy="queue"),
    )
    made = [one for one in outcomes if isinstance(one, SwapOperation)]
    # The second of the chain is refused when it comes first, since 1.1 does not serve yet.
    assert len(made) == 2 or isinstance(outcomes[1], VersionNotActive), outcomes
    assert [swap.queued for swap in made].count(False) == 1


# --- paused half way and rolled back by two at once, while a worker takes its turn


def test_pause_and_rollback_at_once_roll_back(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    at_once(
        lambda: apply_command(swap.pk, Command.PAUSE, actor=OPERATOR),
        lambda: swapper.rollback(swap.pk),
        lambda: advance_elsewhere(swap),
    )
    carry_on(swap, until=S.ROLLED_BACK)
    assert_one_event_a_generation(swap)
    assert weights(iris) == {"1.0": 100}
    assert alpha.state(iris, "1.1") == "available"
