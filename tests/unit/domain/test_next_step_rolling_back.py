"""RollingBack: the way back is as careful as the way forth, and no deadline ends it in silence."""

from dataclasses import replace

import pytest

from swaps.domain.decisions import (
    Call,
    CallHosts,
    MoveTo,
    PassReturn,
    Proceed,
    RouteChange,
    Wait,
    Want,
)
from swaps.domain.next_step import next_step
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import SwapState
from tests.unit.domain.builders import (
    ENTERED,
    JUST_NOW,
    NEW,
    NOW,
    OLD,
    PROVEN,
    a_host,
    a_node,
    ago,
    ahead,
    rolling_back,
    seconds,
)

BACK = RouteChange({OLD: 100}, frozenset({OLD}), gone=NEW, watch=NEW)
AWAY = a_node(name="node-b", connected=False, members={})


def half_way(**only_what_matters: object) -> Snapshot:
    """The new version holds weight yet."""
    usual: dict[str, object] = {"weights": {OLD: 50, NEW: 50}, "watching": None}
    return rolling_back(**(usual | only_what_matters))


# Traffic returns to the old version


def test_all_traffic_returns_in_one_revision_that_watches_the_new_versions_drain() -> None:
    step = next_step(half_way())
    assert isinstance(step, Proceed)
    assert step.route == BACK


def test_the_old_version_is_looked_at_first() -> None:
    step = next_step(half_way(source=(a_host(seen_at=ENTERED - seconds(1)),)))
    assert isinstance(step, CallHosts)
    assert (step.call, step.version) == (Call.LOOK, OLD)


def test_an_old_version_that_is_not_ready_is_loaded_again_while_the_new_one_serves() -> None:
    step = next_step(half_way(source=(a_host(status="absent", answered=False),)))
    assert isinstance(step, CallHosts)
    assert (step.call, step.version) == (Call.LOAD, OLD)


def test_an_old_version_nobody_wants_is_wanted_again() -> None:
    step = next_step(half_way(source=(a_host(wanted=False),)))
    assert isinstance(step, Proceed)
    assert step.want == Want(OLD, ("host-a",), loaded=True)


def test_one_ready_host_is_enough_to_return_to() -> None:
    hosts = (a_host(status="unknown", answered=False), a_host(host="host-b"))
    step = next_step(half_way(source=hosts))
    assert isinstance(step, Proceed)
    assert step.route == BACK


def test_a_load_with_which_the_host_went_down_too_often_is_not_tried_again() -> None:
    down = a_host(status="failed", reason="went down", answered=False, seen_at=ENTERED)
    assert isinstance(next_step(half_way(source=(down,))), CallHosts)
    step = next_step(half_way(source=(replace(down, tried_in_vain=True),)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert step.until is not None
    assert step.until > NOW
    assert "went down" in step.reason


def test_a_load_that_fails_is_tried_again_and_the_operator_sees_why() -> None:
    failed = a_host(status="failed", answered=False, reason="disk is full")
    snapshot = half_way(source=(failed,))
    step = next_step(snapshot)
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "disk is full" in step.reason
    assert step.until is not None
    assert step.until > NOW
    again = next_step(replace(snapshot, now=step.until))
    assert isinstance(again, CallHosts)
    assert again.call is Call.LOAD


def test_waits_until_the_nodes_reach_the_old_version() -> None:
    step = next_step(half_way(nodes=(a_node(members={NEW: 1}),)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "no healthy connection to 1.0" in step.reason


def test_an_away_node_does_not_keep_the_others_on_the_new_version() -> None:
    step = next_step(half_way(nodes=(a_node(), AWAY)))
    assert isinstance(step, Proceed)
    assert step.route == BACK


@pytest.mark.parametrize("nodes", [(), (AWAY,)])
def test_without_a_live_node_it_waits_and_says_so(nodes: tuple[object, ...]) -> None:
    step = next_step(half_way(nodes=nodes))
    assert isinstance(step, Wait)
    assert step.asks_operator


# The new version is drained and unloaded


def test_waits_for_every_node_before_it_unloads_the_new_version() -> None:
    step = next_step(
        rolling_back(
            nodes=(a_node(proven_at=PROVEN), a_node(name="node-b")), drain_deadline=ahead(5)
        )
    )
    assert step == Wait("1.1 is not yet idle on node-b", ahead(5), moment=True)


def test_proven_idle_the_new_version_may_go() -> None:
    step = next_step(rolling_back(nodes=(a_node(proven_at=PROVEN),)))
    assert isinstance(step, PassReturn)
    assert (step.version, step.hosts, step.forced) == (NEW, ("host-a",), False)


def test_a_version_that_never_had_a_request_needs_no_proof() -> None:
    step = next_step(rolling_back(routed=False, watching=None, nodes=()))
    assert isinstance(step, PassReturn)
    assert step.version == NEW


def test_a_watch_of_an_earlier_revision_is_opened_anew() -> None:
    step = next_step(rolling_back(watching=None))
    assert isinstance(step, Proceed)
    assert step.route == BACK


@pytest.mark.parametrize("policy", ["wait", "rollback"])
def test_no_deadline_ends_it_the_operator_is_asked(policy: str) -> None:
    step = next_step(rolling_back(drain_deadline=ago(1), on_drain_timeout=policy))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "roll forward" in step.reason


def test_the_swaps_deadline_does_not_hurry_a_drain_that_has_time() -> None:
    step = next_step(rolling_back(swap_deadline=ago(60), drain_deadline=ahead(5)))
    assert isinstance(step, Wait)
    assert not step.asks_operator


def test_a_refusal_of_the_way_back_is_told_in_the_nodes_words() -> None:
    refusing = a_node(applied_revision=6, nack="no such cluster")
    step = next_step(rolling_back(nodes=(refusing,)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "no such cluster" in step.reason


def test_forced_the_new_version_goes_with_a_name_but_never_past_an_away_node() -> None:
    step = next_step(rolling_back(forced_by="ada"))
    assert isinstance(step, PassReturn)
    assert step.forced
    away = next_step(rolling_back(forced_by="ada", nodes=(a_node(), AWAY)))
    assert isinstance(away, Wait)
    assert "node-b is away" in away.reason


def test_unloads_the_new_version() -> None:
    step = next_step(rolling_back(past_return=True))
    assert isinstance(step, CallHosts)
    assert (step.call, step.version) == (Call.UNLOAD, NEW)


def test_leaves_alone_what_others_had_loaded() -> None:
    found = a_host(wanted=False, left_alone=True)
    step = next_step(rolling_back(past_return=True, target=(found,)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.ROLLED_BACK
    assert "1.1 stays loaded on host-a, where it was before the swap" in step.reason


@pytest.mark.parametrize(
    ("failure", "end"), [("", SwapState.ROLLED_BACK), ("a NACK", SwapState.FAILED)]
)
def test_ends_rolled_back_when_a_person_asked_and_failed_when_the_engine_gave_up(
    failure: str, end: SwapState
) -> None:
    step = next_step(
        rolling_back(past_return=True, target=(a_host(status="absent"),), failure=failure)
    )
    assert isinstance(step, MoveTo)
    assert (step.state, step.failure) == (end, failure)
    assert "1.0 serves alone" in step.reason


# Roll forward


@pytest.mark.parametrize("weights", [{OLD: 50, NEW: 50}, {OLD: 100}])
def test_rolled_forward_all_traffic_goes_to_the_new_version(weights: dict[str, int]) -> None:
    step = next_step(rolling_back(weights=weights, roll_forward=True))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.OLD_VERSION_DRAINING
    assert step.route == RouteChange({NEW: 100}, frozenset({NEW}), gone=OLD, watch=OLD)


def test_the_new_version_is_looked_at_before_it_gets_all_traffic() -> None:
    step = next_step(half_way(roll_forward=True, target=(a_host(seen_at=ENTERED - seconds(1)),)))
    assert isinstance(step, CallHosts)
    assert (step.call, step.version) == (Call.LOOK, NEW)


COLD = a_node(members={OLD: 1}, proven_at=None)


@pytest.mark.parametrize(
    ("unfit", "words"),
    [
        (
            {"target": (a_host(status="absent", answered=False),)},
            "1.1 is not ready on host-a (absent)",
        ),
        ({"nodes": (COLD,)}, "node-a has no healthy connection to 1.1 yet"),
    ],
)
def test_while_the_new_version_cannot_take_traffic_the_way_back_goes_on_and_says_so(
    unfit: dict[str, object], words: str
) -> None:
    step = next_step(half_way(roll_forward=True, **unfit))
    assert isinstance(step, Proceed)
    assert step.route == BACK
    assert f"(asked to roll forward, which waits: {words})" in step.reason


def test_a_roll_forward_that_waits_says_for_what_beside_what_the_way_back_waits_for() -> None:
    step = next_step(rolling_back(roll_forward=True, nodes=(COLD,)))
    assert isinstance(step, Wait)
    assert step.reason == (
        "1.1 is not yet idle on node-a (asked to roll forward, which waits: "
        "node-a has no healthy connection to 1.1 yet)"
    )


def test_forced_while_the_old_version_is_not_back_yet_it_says_what_comes_first() -> None:
    loading = a_host(status="loading", answered=False, called_at=ENTERED)
    step = next_step(half_way(forced_by="ada", source=(loading,)))
    assert isinstance(step, Wait)
    assert step.reason == "forced by ada, but 1.0 is not ready on host-a (loading)"


def test_there_is_no_way_forward_once_the_new_version_is_given_up() -> None:
    step = next_step(rolling_back(roll_forward=True, past_return=True))
    assert isinstance(step, CallHosts)
    assert step.call is Call.UNLOAD


# From nothing


def test_an_activation_rolled_back_leaves_no_version_serving() -> None:
    first = next_step(half_way(from_version=None, source=(), weights={NEW: 100}))
    assert isinstance(first, Proceed)
    assert first.route == RouteChange({}, frozenset(), gone=NEW, watch=NEW)
    last = next_step(
        rolling_back(
            from_version=None,
            source=(),
            weights={},
            past_return=True,
            target=(a_host(status="absent"),),
            unload_called_at=JUST_NOW,
        )
    )
    assert isinstance(last, MoveTo)
    assert last.state is SwapState.ROLLED_BACK
    assert "no version serves" in last.reason
