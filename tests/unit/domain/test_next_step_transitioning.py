"""Transitioning: each weight applied everywhere before the next, behind a fresh look."""

from dataclasses import replace

import pytest

from swaps.domain.decisions import Call, CallHosts, MoveTo, Proceed, RouteChange, Step, Wait
from swaps.domain.next_step import next_step
from swaps.domain.states import SwapState
from swaps.domain.steps import Hold, Pause, SetWeight
from tests.unit.domain.builders import (
    ENTERED,
    NEW,
    OLD,
    a_host,
    a_node,
    a_snapshot,
    ago,
    ahead,
    seconds,
)

STEPS = (SetWeight(25), Hold(seconds(60)), SetWeight(50), Pause(), SetWeight(100))
AT_HOLD, AT_PAUSE = 1, 3


def _rolls_back(step: Step, words: str) -> bool:
    assert isinstance(step, MoveTo)
    assert step.route is None
    return step.state is SwapState.ROLLING_BACK and words in step.failure


# Applied by every node, or not


def test_waits_for_every_router_before_the_next_weight() -> None:
    step = next_step(a_snapshot(nodes=(a_node(), a_node(name="node-b", applied_revision=6))))
    assert isinstance(step, Wait)
    assert step.moment
    assert step.reason == "node-b has not applied revision 7 yet"


def test_waits_for_every_router_before_draining() -> None:
    behind = a_node(name="node-b", applied_revision=6)
    step = next_step(a_snapshot(weights={NEW: 100}, nodes=(a_node(), behind)))
    assert isinstance(step, Wait)
    assert "node-b" in step.reason


def test_applied_everywhere_all_traffic_on_new_goes_on_to_draining() -> None:
    step = next_step(a_snapshot(weights={NEW: 100}))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.OLD_VERSION_DRAINING


def test_without_a_node_nothing_is_applied() -> None:
    step = next_step(a_snapshot(weights={NEW: 100}, nodes=()))
    assert isinstance(step, Wait)
    assert step.asks_operator


def test_an_away_node_blocks_by_name() -> None:
    away = a_node(name="node-b", connected=False, applied_revision=6)
    step = next_step(a_snapshot(nodes=(a_node(), away), apply_deadline=ahead(5)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "node-b is away" in step.reason
    assert step.until == ahead(5)


def test_a_nack_rolls_back_with_the_nodes_words() -> None:
    refusing = a_node(applied_revision=6, nack="unknown cluster")
    assert _rolls_back(
        next_step(a_snapshot(nodes=(refusing,))), "node-a refuses revision 7: unknown cluster"
    )


def test_a_node_that_did_not_apply_in_time_rolls_back() -> None:
    late = a_node(applied_revision=6)
    assert _rolls_back(
        next_step(a_snapshot(nodes=(late,), apply_deadline=ago(5))), "node-a did not apply"
    )


def test_a_node_not_heard_of_since_the_deadline_first_gets_the_chance_to_answer() -> None:
    unheard = a_node(applied_revision=6, seen_at=ago(6))
    step = next_step(a_snapshot(nodes=(unheard,), apply_deadline=ago(5)))
    assert isinstance(step, Wait)
    assert step.until is None, "a time that has passed would be a busy loop"


# The strategy's steps


def test_holds_for_the_duration() -> None:
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_HOLD))
    assert step == Wait("holding at 25 %", ENTERED + seconds(60))


def test_the_hold_over_the_next_weight_goes_out() -> None:
    entered = ago(60)
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_HOLD, step_entered_at=entered))
    assert isinstance(step, Proceed)
    assert step.route == RouteChange({OLD: 50, NEW: 50}, frozenset({OLD, NEW}))
    assert step.step_index == AT_PAUSE


def test_promote_passes_a_hold() -> None:
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_HOLD, promoted_steps=AT_HOLD + 1))
    assert isinstance(step, Proceed)
    assert step.route is not None
    assert step.route.weights == {OLD: 50, NEW: 50}


def test_a_pause_lasts_until_promoted() -> None:
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_PAUSE, step_entered_at=ago(9e6)))
    assert step == Wait("paused until promoted", asks_operator=True)


def test_promoted_past_the_pause_all_traffic_goes_to_new() -> None:
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_PAUSE, promoted_steps=AT_PAUSE + 1))
    assert isinstance(step, Proceed)
    assert step.route == RouteChange({NEW: 100}, frozenset({NEW}), gone=OLD, watch=OLD)


def test_a_promotion_passes_one_step_only() -> None:
    two = (SetWeight(25), Pause(), Pause(), SetWeight(100))
    step = next_step(a_snapshot(steps=two, step_index=1, promoted_steps=2))
    assert isinstance(step, Proceed)
    assert (step.step_index, step.route) == (2, None)
    assert isinstance(next_step(a_snapshot(steps=two, step_index=2, promoted_steps=2)), Wait)


def test_promote_full_passes_all_steps_even_when_paused() -> None:
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_HOLD, promoted_full=True, paused=True))
    assert isinstance(step, Proceed)
    assert step.route is not None
    assert step.route.weights == {NEW: 100}


def test_paused_no_weight_goes_out_though_the_hold_is_over() -> None:
    step = next_step(
        a_snapshot(steps=STEPS, step_index=AT_HOLD, step_entered_at=ago(600), paused=True)
    )
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "resume" in step.reason


# Readiness is read again before each weight


def test_asks_the_hosts_anew_before_the_next_weight() -> None:
    seen_before = a_host(seen_at=ENTERED - seconds(1))
    step = next_step(a_snapshot(target=(seen_before,)))
    assert isinstance(step, CallHosts)
    assert step.call is Call.LOOK


def test_a_host_that_started_anew_has_to_answer_first() -> None:
    step = next_step(a_snapshot(target=(a_host(answered=False),)))
    assert isinstance(step, CallHosts)
    assert step.call is Call.ANSWER


@pytest.mark.parametrize("status", ["absent", "failed", "loading"])
def test_no_longer_ready_rolls_back_and_says_where(status: str) -> None:
    lost = a_host(status=status, answered=False, reason="restarted empty")
    assert _rolls_back(next_step(a_snapshot(target=(lost,))), "host-a: restarted empty")


def test_enough_ready_hosts_are_enough_for_the_next_weight() -> None:
    hosts = (a_host(status="absent", answered=False), a_host(host="host-b"))
    assert isinstance(next_step(a_snapshot(target=hosts, min_ready_hosts=1)), Proceed)
    assert _rolls_back(next_step(a_snapshot(target=hosts)), "host-a")


def test_a_node_that_does_not_reach_new_holds_the_next_weight() -> None:
    newcomer = a_node(name="node-b", members={OLD: 1})
    step = next_step(a_snapshot(nodes=(a_node(), newcomer)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "node-b" in step.reason


@pytest.mark.parametrize("waiting", [{"step_index": AT_HOLD}, {"paused": True}])
def test_gone_from_its_hosts_it_is_not_held_at_a_weight(waiting: dict[str, object]) -> None:
    gone = a_host(status="absent", answered=False)
    assert _rolls_back(next_step(a_snapshot(steps=STEPS, target=(gone,), **waiting)), "host-a")


def test_a_host_out_of_reach_for_a_while_does_not_end_a_hold() -> None:
    silent = a_host(status="unknown", answered=False)
    step = next_step(a_snapshot(steps=STEPS, step_index=AT_HOLD, target=(silent,)))
    assert isinstance(step, Wait)


# Ways out


@pytest.mark.parametrize("nodes", [(), (a_node(connected=False, applied_revision=6),)])
def test_rollback_needs_nobodys_leave(nodes: tuple[object, ...]) -> None:
    step = next_step(a_snapshot(abort="rollback", nodes=nodes, paused=True))
    assert isinstance(step, MoveTo)
    assert (step.state, step.failure) == (SwapState.ROLLING_BACK, "")


def test_the_whole_swap_late_rolls_back() -> None:
    snapshot = a_snapshot(steps=STEPS, step_index=AT_PAUSE, swap_deadline=ahead(1))
    assert isinstance(next_step(snapshot), Wait)
    assert _rolls_back(next_step(replace(snapshot, now=ahead(2))), "longer than it may")
