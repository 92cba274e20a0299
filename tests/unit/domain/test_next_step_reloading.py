"""Hosts that restart empty in a transition: the swap goes on where it was."""

from typing import Any

import pytest

from swaps.domain.decisions import Call, CallHosts, MoveTo, Proceed, RouteChange, Step, Wait
from swaps.domain.next_step import next_step
from swaps.domain.reloading import MOST_RELOADS
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps import Hold, SetWeight
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

STEPS = (SetWeight(25), Hold(seconds(60)), SetWeight(100))
AT_HOLD = 1
BOTH = frozenset({OLD, NEW})
SILENT = a_host(status="unknown", answered=False)


def restarted(**only_what_matters: Any) -> HostView:
    usual = {"status": "available", "answered": False, "restarted": True}
    return a_host(**(usual | only_what_matters))


def held(**only_what_matters: Any) -> Snapshot:
    return a_snapshot(**({"steps": STEPS, "step_index": AT_HOLD} | only_what_matters))


def reloading(**only_what_matters: Any) -> Snapshot:
    usual = {"reloading": True, "reloads": 1, "load_deadline": ahead(600)}
    return held(**({"target": (restarted(),)} | usual | only_what_matters))


def off(**only_what_matters: Any) -> Snapshot:
    """All weight is on the old version meanwhile."""
    return reloading(**({"weights": {OLD: 100}} | only_what_matters))


def _rolls_back(step: Step, words: str) -> bool:
    assert isinstance(step, MoveTo)
    return step.state is SwapState.ROLLING_BACK and words in step.failure


def _calls(step: Step, call: Call, version: str) -> bool:
    assert isinstance(step, CallHosts)
    return (step.call, step.version) == (call, version)


# Whether it is a restart at all


def test_a_restart_of_its_host_begins_a_reload_and_keeps_the_step() -> None:
    step = next_step(held(target=(restarted(),)))
    assert step == Proceed("host-a restarted empty: 1.1 is loaded again", reload=True)


def test_where_enough_hosts_still_have_it_nothing_changes() -> None:
    hosts = (restarted(), a_host(host="host-b"))
    assert isinstance(next_step(held(target=hosts, min_ready_hosts=1)), Wait)


def test_what_was_seen_before_this_step_begins_nothing() -> None:
    assert isinstance(next_step(held(target=(restarted(seen_at=ago(60)),))), Wait)


def test_unloaded_in_the_same_boot_it_turns_back() -> None:
    step = next_step(held(target=(restarted(restarted=False),)))
    assert _rolls_back(step, "stopped being ready on host-a")


def test_another_host_that_lost_it_without_a_restart_turns_it_back() -> None:
    hosts = (restarted(), restarted(host="host-b", restarted=False))
    assert _rolls_back(next_step(held(target=hosts)), "stopped being ready on host-a")


def test_hosts_that_restart_again_and_again_turn_it_back() -> None:
    step = next_step(held(target=(restarted(),), reloads=MOST_RELOADS))
    assert _rolls_back(step, "loaded again 3 times already")


def test_out_of_reach_its_hosts_are_asked_once_more_before_it_turns_back() -> None:
    node = a_node(members={OLD: 1, NEW: 0}, none_since={NEW: ago(11)}, reachable_since=ago(60))
    unheard = a_host(seen_at=ago(5))
    assert _calls(next_step(held(target=(unheard,), nodes=(node,))), Call.LOOK, NEW)
    assert _rolls_back(next_step(held(target=(SILENT,), nodes=(node,))), "no router node")


# The weight goes to the old version


def test_the_old_version_gets_all_traffic_and_that_is_no_drain() -> None:
    step = next_step(reloading())
    assert isinstance(step, Proceed)
    assert step.route == RouteChange({OLD: 100}, BOTH)
    assert (step.reload, step.step_index) == (None, None)


def test_what_serves_is_loaded_first() -> None:
    assert _calls(next_step(reloading(source=(restarted(),))), Call.LOAD, OLD)


def test_the_old_version_has_to_be_reached_before_it_gets_all_traffic() -> None:
    loads = restarted(status="loading")
    step = next_step(reloading(nodes=(a_node(members={}),), target=(loads,)))
    assert isinstance(step, Wait)
    assert "no healthy connection to 1.0" in step.reason
    assert "1.1 is not ready" in step.reason


def test_while_the_old_one_cannot_be_had_the_new_one_is_loaded_all_the_same() -> None:
    assert _calls(next_step(reloading(source=(SILENT,))), Call.LOAD, NEW)


# It is loaded again


def test_it_is_loaded_again_when_a_slot_is_free() -> None:
    assert _calls(next_step(off()), Call.LOAD, NEW)
    assert isinstance(next_step(off(target=(restarted(load_slot_free=False),))), Wait)


def test_it_answers_first() -> None:
    assert _calls(next_step(off(target=(restarted(status="ready"),))), Call.ANSWER, NEW)


def test_a_load_that_fails_turns_it_back_with_the_reason() -> None:
    failed = restarted(status="failed", reason="out of memory")
    assert _rolls_back(next_step(off(target=(failed,))), "host-a: out of memory")


def test_a_load_that_lasts_too_long_turns_it_back() -> None:
    slow = restarted(status="loading")
    assert _rolls_back(next_step(off(target=(slow,), load_deadline=ago(1))), "not ready in time")


@pytest.mark.parametrize("late", [{"swap_deadline": ago(1)}, {"abort": "rollback"}])
def test_the_whole_swaps_time_and_people_can_end_it(late: dict[str, Any]) -> None:
    step = next_step(off(**late))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.ROLLING_BACK


# It goes on


def test_ready_and_warm_it_has_the_weight_back_that_it_held() -> None:
    step = next_step(off(target=(a_host(),)))
    assert isinstance(step, Proceed)
    assert step.route == RouteChange({OLD: 75, NEW: 25}, BOTH)
    assert (step.reload, step.step_index) == (False, None)


def test_not_before_every_node_took_the_weight_off_and_reaches_it() -> None:
    here = (a_host(),)
    behind = next_step(off(target=here, nodes=(a_node(applied_revision=6),)))
    assert isinstance(behind, Wait)
    assert "has not applied" in behind.reason
    cold = next_step(off(target=here, nodes=(a_node(members={OLD: 1, NEW: 0}),)))
    assert isinstance(cold, Wait)
    assert "no healthy connection to 1.1" in cold.reason


def test_whose_weight_was_never_taken_off_goes_on_with_it() -> None:
    step = next_step(reloading(source=(SILENT,), target=(a_host(),)))
    assert isinstance(step, Proceed)
    assert (step.reload, step.route) == (False, None)


def test_an_activation_goes_on_too() -> None:
    alone = {"from_version": None, "source": (), "weights": {NEW: 100}, "step_index": len(STEPS)}
    began = next_step(held(target=(restarted(),), **alone))
    assert isinstance(began, Proceed)
    assert began.reload is True
    over = next_step(reloading(target=(a_host(),), **alone))
    assert isinstance(over, Proceed)
    assert (over.reload, over.route) == (False, None)


def test_a_hold_begins_anew_with_the_weight() -> None:
    step = next_step(held(reloads=1))
    assert step == Wait("holding at 25 %", ENTERED + seconds(60))
