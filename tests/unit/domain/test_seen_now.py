"""Nothing is decided by what was seen once: who shall answer alone is seen to answer, now."""

from dataclasses import replace

import pytest

from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn, Step, Wait
from swaps.domain.next_step import next_step
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps import Hold, Pause, SetWeight
from tests.unit.domain.builders import (
    JUST_NOW,
    NEW,
    NOW,
    OLD,
    PROVEN,
    a_host,
    a_node,
    a_snapshot,
    ago,
    rolling_back,
    seconds,
)

IDLE = a_node(proven_at=PROVEN)
SILENT = a_host(status="unknown", answered=False, reason="no answer within 1.5 s")
PAUSED = {"steps": (SetWeight(25), Pause(), SetWeight(100)), "step_index": 1}
HELD = {"steps": (SetWeight(25), Hold(seconds(60)), SetWeight(100)), "step_index": 1}


def forth(**only_what_matters: object) -> Snapshot:
    usual = {"state": SwapState.OLD_VERSION_DRAINING, "nodes": (IDLE,)}
    return a_snapshot(**(usual | only_what_matters))


def back(**only_what_matters: object) -> Snapshot:
    return rolling_back(**({"nodes": (IDLE,)} | only_what_matters))


def staying(snapshot: Snapshot, *views: HostView) -> Snapshot:
    """With these views of the version that stays."""
    if snapshot.state is SwapState.ROLLING_BACK:
        return replace(snapshot, source=views)
    return replace(snapshot, target=views)


BOTH_WAYS = pytest.mark.parametrize("snapshot", [forth(), back()], ids=["forth", "back"])


def waits(step: Step, *words: str) -> Wait:
    assert isinstance(step, Wait), step
    assert all(word in step.reason for word in words), step.reason
    return step


def rolls_back(step: Step, *words: str) -> None:
    assert isinstance(step, MoveTo), step
    assert step.state is SwapState.ROLLING_BACK
    assert all(word in step.failure for word in words), step.failure


# Before the point of no return


@BOTH_WAYS
def test_the_version_that_stays_is_asked_once_more_after_the_proof(snapshot: Snapshot) -> None:
    step = next_step(staying(snapshot, a_host(seen_at=ago(0.05))))
    assert isinstance(step, CallHosts)
    assert (step.call, step.hosts) == (Call.LOOK, ("host-a",))
    assert isinstance(next_step(staying(snapshot, a_host(seen_at=JUST_NOW))), PassReturn)


@BOTH_WAYS
def test_an_answer_of_some_time_ago_is_none_of_now(snapshot: Snapshot) -> None:
    proven = replace(snapshot, nodes=(a_node(proven_at=ago(60)),), step_entered_at=ago(70))
    step = next_step(staying(proven, a_host(seen_at=ago(30))))
    assert isinstance(step, CallHosts)


@BOTH_WAYS
def test_a_silent_host_is_not_ready_and_the_other_version_stays(snapshot: Snapshot) -> None:
    waiting = waits(next_step(staying(snapshot, SILENT)), "host-a (no answer", "stays loaded")
    assert waiting.asks_operator


@BOTH_WAYS
def test_one_host_that_answers_is_enough_and_a_silent_one_holds_up_nothing(
    snapshot: Snapshot,
) -> None:
    silent = replace(SILENT, host="host-b", seen_at=ago(60))
    assert isinstance(next_step(staying(snapshot, a_host(), silent)), PassReturn)


@BOTH_WAYS
def test_a_host_back_empty_is_not_ready(snapshot: Snapshot) -> None:
    empty = a_host(status="available", answered=False)
    waits(next_step(staying(snapshot, empty)), "host-a (available)", "stays loaded")


@BOTH_WAYS
def test_a_host_in_a_new_boot_has_to_answer_first(snapshot: Snapshot) -> None:
    step = next_step(staying(snapshot, a_host(answered=False)))
    assert isinstance(step, CallHosts)
    assert step.call is Call.ANSWER


@BOTH_WAYS
def test_every_live_node_has_to_reach_the_version_that_stays(snapshot: Snapshot) -> None:
    cut_off = a_node(name="node-b", proven_at=PROVEN, members={OLD: 0, NEW: 0})
    step = next_step(replace(snapshot, nodes=(IDLE, cut_off)))
    assert waits(step, "node-b has no healthy connection", "stays loaded").asks_operator


@BOTH_WAYS
def test_with_every_node_away_nobody_knows_what_they_reach(snapshot: Snapshot) -> None:
    away = a_node(connected=False, proven_at=PROVEN)
    waits(next_step(replace(snapshot, nodes=(away,))), "nobody knows", "stays loaded")


def test_at_the_end_of_the_bake_the_new_version_is_asked() -> None:
    baked = forth(keep_warm=seconds(40), drained_at=ago(40), nodes=(a_node(proven_at=ago(40)),))
    step = next_step(replace(baked, target=(a_host(seen_at=ago(0.5)),)))
    assert isinstance(step, CallHosts)
    assert "before 1.0 is unloaded" in step.reason


def test_nobody_forces_out_the_only_version_that_answers() -> None:
    forced = forth(forced_by="ada", target=(SILENT,), nodes=(a_node(),))
    waits(next_step(forced), "forced by ada, but 1.1 is not ready", "roll back")


# No Envoy reaches it


def cut_off(since: float, **more: object) -> object:
    return a_node(members={OLD: 1, NEW: 0}, none_since={NEW: ago(since)}, **more)


@pytest.mark.parametrize("waiting", [PAUSED, HELD, {**PAUSED, "paused": True}])
def test_reached_by_no_node_for_too_long_traffic_goes_back_from_any_hold(
    waiting: dict[str, object],
) -> None:
    nodes = (cut_off(11), cut_off(30))
    rolls_back(next_step(a_snapshot(nodes=nodes, **waiting)), "10 s", "connection to 1.1")


def test_for_a_moment_it_waits_and_says_so() -> None:
    step = waits(
        next_step(a_snapshot(nodes=(cut_off(4),), **PAUSED)),
        "no router node has a healthy connection to 1.1",
        "paused until promoted",
        "1.0 gets all traffic back",
    )
    assert step.until == NOW + seconds(6)


@pytest.mark.parametrize(
    "other",
    [a_node(name="node-b"), a_node(name="node-b", members={OLD: 1})],
    ids=["reaches it", "has not said"],
)
def test_one_node_that_reaches_it_or_has_not_said_ends_nothing(other: object) -> None:
    step = next_step(a_snapshot(nodes=(cut_off(60), other), **PAUSED))
    assert step == Wait("paused until promoted", asks_operator=True)


def test_what_a_node_showed_before_its_stream_broke_is_not_counted() -> None:
    anew = cut_off(600, reachable_since=ago(3))
    waits(next_step(a_snapshot(nodes=(anew,), **PAUSED)), "if that lasts")


def test_a_node_not_heard_of_since_is_not_held_against_it() -> None:
    unheard = cut_off(60, seen_at=ago(55))
    waits(next_step(a_snapshot(nodes=(unheard,), **PAUSED)), "if that lasts")


def test_the_old_version_is_there_while_it_bakes_and_gets_its_traffic_back() -> None:
    baking = forth(keep_warm=seconds(600), drained_at=ago(60))
    rolls_back(next_step(replace(baking, nodes=(cut_off(11, proven_at=PROVEN),))), "1.1")


def test_with_nothing_to_go_back_to_it_asks() -> None:
    only = a_snapshot(from_version=None, weights={NEW: 100}, nodes=(cut_off(60),), **PAUSED)
    step = next_step(replace(only, nodes=(cut_off(60, applied_revision=6),)))
    assert waits(step, "no router node has a healthy connection").asks_operator


# A silent host before the next weight


def silent_for(number: float, **more: object) -> HostView:
    return replace(SILENT, silent_since=ago(number), **more)


def test_one_silence_is_no_death() -> None:
    step = waits(next_step(a_snapshot(target=(silent_for(0),))), "asked again", "no answer within")
    assert step.until == NOW + seconds(1)
    again = next_step(a_snapshot(target=(silent_for(1, seen_at=ago(1)),)))
    assert isinstance(again, CallHosts)
    assert again.call is Call.LOOK


def test_silent_for_too_long_and_reached_by_no_envoy_it_is_lost() -> None:
    nodes = (a_node(members={OLD: 1, NEW: 1}),)
    two = {"target": (a_host(), silent_for(11, host="host-b")), "nodes": nodes}
    rolls_back(next_step(a_snapshot(**two)), "stopped being ready on host-b: no answer")


def test_silent_to_us_alone_it_holds_the_next_weight_and_asks() -> None:
    step = waits(next_step(a_snapshot(target=(silent_for(60),))), "asked again on host-a")
    assert step.asks_operator


# Warm is what the swap asked for


def test_a_weight_waits_until_envoys_reach_all_target_hosts() -> None:
    two = (a_host(), a_host(host="host-b"))
    step = next_step(a_snapshot(target=two))
    waits(step, "node-a (1) reaches fewer healthy hosts of 1.1 than the 2 asked for")
    assert not isinstance(next_step(a_snapshot(target=two, min_ready_hosts=1)), Wait)
    warm = (a_node(members={OLD: 1, NEW: 2}),)
    assert not isinstance(next_step(a_snapshot(target=two, nodes=warm)), Wait)


def test_the_first_weight_waits_for_as_many_hosts() -> None:
    two = (a_host(), a_host(host="host-b"))
    step = next_step(a_snapshot(state=SwapState.LOADING_NEW_VERSION, target=two))
    waits(step, "than the 2 asked for")


# Deadlines, and outages of ours


def late(**more: object) -> object:
    return a_node(applied_revision=6, **more)


def test_a_node_that_joined_later_has_its_own_time_to_apply() -> None:
    joined = late(name="edge-1", reachable_since=ago(5))
    waiting = a_snapshot(nodes=(a_node(), joined), apply_deadline=ago(600), **PAUSED)
    waits(next_step(waiting), "edge-1 has not applied revision 7 yet")
    rolls_back(next_step(replace(waiting, nodes=(late(reachable_since=ago(31)),))), "in time")


@pytest.mark.parametrize("connected", [True, False])
def test_while_no_router_process_served_no_node_could_know(connected: bool) -> None:
    node = late(connected=connected, seen_at=JUST_NOW if connected else ago(50))
    outage = a_snapshot(nodes=(node,), apply_deadline=ago(15), routers_since=ago(2))
    assert isinstance(next_step(outage), Wait)
    rolls_back(next_step(replace(outage, routers_since=ago(60))), "in time")
    waits(next_step(replace(outage, routers_since=None)), "no router process runs")


@pytest.mark.parametrize("policy", ["force", "rollback"])
@pytest.mark.parametrize(
    "outage",
    [
        {"routers_since": ago(2)},
        {"routers_since": None},
        {"nodes": (a_node(reachable_since=ago(1)),)},
        {"nodes": (a_node(seen_at=ago(6)),)},
    ],
    ids=["router just back", "no router", "stream just back", "not heard of"],
)
def test_the_drains_policy_acts_on_nothing_seen_before_an_outage(
    policy: str, outage: dict[str, object]
) -> None:
    overdue = forth(nodes=(a_node(),), drain_deadline=ago(5), on_drain_timeout=policy)
    assert not isinstance(next_step(overdue), Wait)
    assert isinstance(next_step(replace(overdue, **outage)), Wait)


def test_a_load_is_not_late_for_what_nodes_could_not_say() -> None:
    cold = (a_node(members={OLD: 1}),)
    loading = a_snapshot(state=SwapState.LOADING_NEW_VERSION, nodes=cold, load_deadline=ago(1))
    assert isinstance(next_step(loading), MoveTo)
    waits(next_step(replace(loading, routers_since=ago(2))), "no healthy connection to 1.1")
