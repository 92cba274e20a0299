"""NotStarted and LoadingNewVersion: nothing moves before the new version is ready and warm."""

from dataclasses import replace

import pytest

from swaps.domain.decisions import Call, CallHosts, MoveTo, RouteChange, Wait, Want
from swaps.domain.next_step import next_step
from swaps.domain.snapshot import HostView
from swaps.domain.states import END_STATES, SwapState
from swaps.domain.steps import Hold, SetWeight
from tests.unit.domain.builders import (
    ENTERED,
    JUST_NOW,
    NEW,
    NOW,
    OLD,
    a_host,
    a_node,
    a_snapshot,
    ago,
    ahead,
    seconds,
)

NOT_STARTED, LOADING = SwapState.NOT_STARTED, SwapState.LOADING_NEW_VERSION
GIVE_BACK = Want(NEW, ("host-a",), loaded=False)


@pytest.mark.parametrize("end", sorted(END_STATES))
def test_a_swap_that_is_over_has_no_next_step(end: SwapState) -> None:
    with pytest.raises(ValueError, match=f"{end} has no next step"):
        next_step(a_snapshot(state=end))


# NotStarted


def test_its_turn_come_it_wants_the_new_version_on_every_target_host() -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, target=(a_host(), a_host(host="host-b"))))
    assert isinstance(step, MoveTo)
    assert step.state is LOADING
    assert step.want == Want(NEW, ("host-a", "host-b"), loaded=True)
    assert step.route is None


def test_waits_in_the_queue_and_says_behind_whom() -> None:
    assert next_step(a_snapshot(state=NOT_STARTED, queued_behind="after 1.0 → 1.1")) == Wait(
        "after 1.0 → 1.1"
    )


def test_at_its_turn_an_unapproved_swap_asks_for_a_second_person() -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, unapproved="waits for approval"))
    assert step == Wait("waits for approval", asks_operator=True)


@pytest.mark.parametrize("abort", ["cancel", "rollback"])
def test_taken_back_while_nobody_approves_it_is_cancelled(abort: str) -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, unapproved="waits for approval", abort=abort))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.CANCELLED


@pytest.mark.parametrize("abort", ["cancel", "rollback"])
def test_taken_back_in_the_queue_it_is_cancelled(abort: str) -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, queued_behind="another", abort=abort))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.CANCELLED


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"weights": {"0.9": 100}}, "1.0 does not hold 100 % any more: 0.9 does"),
        ({"weights": {OLD: 50, "0.9": 50}}, "no single version"),
        ({"from_version": None}, "1.0 serves already"),
    ],
)
def test_a_check_that_no_longer_holds_at_its_turn_fails_it(
    changed: dict[str, object], words: str
) -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, **changed))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.FAILED
    assert words in step.failure
    assert step.want is None
    assert step.route is None


def test_an_activation_starts_from_nothing() -> None:
    step = next_step(a_snapshot(state=NOT_STARTED, from_version=None, weights={}, source=()))
    assert isinstance(step, MoveTo)
    assert step.state is LOADING


# LoadingNewVersion: one thing after the other


def loading(**host: object) -> object:
    return next_step(a_snapshot(state=LOADING, target=(a_host(**host),)))


def test_a_host_nobody_has_looked_at_is_looked_at_first() -> None:
    step = loading(status="unknown", seen_at=None, load_called=False, answered=False)
    assert step == CallHosts(Call.LOOK, NEW, ("host-a",), "asking host-a")


def test_ready_in_old_rows_is_looked_at_again() -> None:
    """The host may have restarted empty since."""
    step = loading(seen_at=ENTERED - seconds(1))
    assert isinstance(step, CallHosts)
    assert step.call is Call.LOOK


@pytest.mark.parametrize("status", ["available", "absent"])
def test_loads_what_is_not_loaded(status: str) -> None:
    step = loading(status=status, load_called=False, answered=False)
    assert step == CallHosts(Call.LOAD, NEW, ("host-a",), "loading on host-a")


def test_a_failure_of_an_earlier_load_is_no_failure_of_this_one() -> None:
    step = loading(status="failed", load_called=False, answered=False)
    assert isinstance(step, CallHosts)
    assert step.call is Call.LOAD


def test_a_version_that_came_ready_has_to_answer_first() -> None:
    step = loading(answered=False)
    assert isinstance(step, CallHosts)
    assert step.call is Call.ANSWER


def test_waits_while_the_host_loads_and_says_where() -> None:
    step = loading(status="loading", answered=False)
    assert isinstance(step, Wait)
    assert step.reason == "1.1 is not ready on host-a (loading)"
    assert step.until is not None
    assert step.until > NOW


@pytest.mark.parametrize("status", ["loading", "unknown", "unloading"])
def test_an_unsettled_host_is_asked_again(status: str) -> None:
    """A load in unknown outcome is looked at, never repeated blindly."""
    step = loading(status=status, answered=False, seen_at=ago(5))
    assert isinstance(step, CallHosts)
    assert step.call is Call.LOOK


def test_a_host_that_loads_as_many_as_it_may_is_waited_for() -> None:
    step = loading(status="available", load_called=False, answered=False, load_slot_free=False)
    assert isinstance(step, Wait)
    assert "as many versions as it may" in step.reason


def test_a_host_that_lacks_what_serves_gets_that_first() -> None:
    step = loading(status="available", load_called=False, answered=False, lacks_what_serves=True)
    assert isinstance(step, Wait)
    assert "first gets back what serves" in step.reason


def test_what_is_ready_by_a_load_of_an_earlier_intent_is_asked_for_again() -> None:
    """Else its host would obey an unload of that intent, should one come late."""
    step = loading(status="ready", answered=False, told=False)
    assert isinstance(step, CallHosts)
    assert step.call is Call.LOAD


A, B, C = (
    a_host(host=name, status="available", load_called=False, answered=False, load_disturbs=True)
    for name in ("host-a", "host-b", "host-c")
)
A_READY, B_READY = (replace(one, status="ready", load_called=True, answered=True) for one in (A, B))


@pytest.mark.parametrize(
    ("target", "next_load"),
    [
        ((A, B, C), "host-a"),
        ((A_READY, B, C), "host-b"),
        # Down for long, it has nothing that could stall.
        (
            (
                replace(A, status="unknown", load_called=True, silent_since=ago(60)),
                B_READY,
                C,
            ),
            "host-c",
        ),
    ],
)
def test_where_a_load_disturbs_one_host_at_a_time_loads(
    target: tuple[HostView, ...], next_load: str
) -> None:
    step = next_step(a_snapshot(state=LOADING, target=target))
    assert isinstance(step, CallHosts)
    assert (step.call, step.hosts) == (Call.LOAD, (next_load,))


def test_where_a_load_disturbs_the_others_wait_for_the_one_under_way() -> None:
    loading_now = replace(B, status="loading", load_called=True, called_at=ago(60))
    step = next_step(a_snapshot(state=LOADING, target=(A, loading_now, C)))
    assert isinstance(step, Wait)
    assert "one after the other" in step.reason
    assert step.until is not None
    assert step.until > NOW


def test_ready_on_every_host_and_warm_in_every_node_the_first_weight_goes_out() -> None:
    steps = (SetWeight(5), Hold(seconds(60)), SetWeight(100))
    step = next_step(a_snapshot(state=LOADING, steps=steps))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.TRANSITIONING
    assert step.route == RouteChange({OLD: 95, NEW: 5}, frozenset({OLD, NEW}))
    assert step.step_index == 1


def test_all_at_once_takes_the_old_pinned_path_away_and_watches_its_drain() -> None:
    step = next_step(a_snapshot(state=LOADING))
    assert isinstance(step, MoveTo)
    assert step.route == RouteChange({NEW: 100}, frozenset({NEW}), gone=OLD, watch=OLD)


@pytest.mark.parametrize("steps", [(SetWeight(5), SetWeight(100)), (SetWeight(100),)])
def test_an_activation_gets_all_traffic_whatever_the_strategy(
    steps: tuple[SetWeight, ...],
) -> None:
    step = next_step(
        a_snapshot(state=LOADING, from_version=None, source=(), weights={}, steps=steps)
    )
    assert isinstance(step, MoveTo)
    assert step.route == RouteChange({NEW: 100}, frozenset({NEW}))


def test_moves_no_traffic_without_a_router_node() -> None:
    step = next_step(a_snapshot(state=LOADING, nodes=()))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "no router node" in step.reason


def test_waits_for_every_node_to_reach_the_new_version() -> None:
    step = next_step(
        a_snapshot(state=LOADING, nodes=(a_node(), a_node(name="node-b", members={OLD: 1})))
    )
    assert isinstance(step, Wait)
    assert step.moment
    assert "node-b has no healthy connection to 1.1" in step.reason


def test_an_away_node_holds_the_first_weight_by_name() -> None:
    away = a_node(name="node-b", connected=False, members={})
    step = next_step(a_snapshot(state=LOADING, nodes=(a_node(), away)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "node-b is away" in step.reason


def test_says_when_the_router_refuses_the_new_cluster() -> None:
    cold = a_node(members={}, cluster_nack="bad address")
    step = next_step(a_snapshot(state=LOADING, nodes=(cold,)))
    assert isinstance(step, Wait)
    assert "node-a: bad address" in step.reason


# LoadingNewVersion: what goes wrong


def test_a_failed_load_fails_the_swap_with_the_hosts_reason_and_gives_back_what_was_loaded() -> (
    None
):
    failed = a_host(status="failed", reason="out of memory", answered=False)
    step = next_step(a_snapshot(state=LOADING, target=(failed, a_host(host="host-b"))))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.FAILED
    assert step.failure == "1.1 could not be loaded on host-a: out of memory"
    assert step.want == Want(NEW, ("host-a", "host-b"), loaded=False)
    assert step.route is None


def test_a_failed_host_is_left_out_if_enough_others_are_ready() -> None:
    failed = a_host(status="failed", answered=False)
    step = next_step(
        a_snapshot(state=LOADING, target=(failed, a_host(host="host-b")), min_ready_hosts=1)
    )
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.TRANSITIONING


def test_in_time_every_host_that_may_still_come_is_waited_for() -> None:
    slow = a_host(status="loading", answered=False)
    step = next_step(
        a_snapshot(
            state=LOADING,
            target=(slow, a_host(host="host-b")),
            min_ready_hosts=1,
            load_deadline=ahead(1),
        )
    )
    assert isinstance(step, Wait)


def test_after_the_load_deadline_enough_hosts_are_enough() -> None:
    slow = a_host(status="loading", answered=False)
    step = next_step(
        a_snapshot(
            state=LOADING,
            target=(slow, a_host(host="host-b")),
            min_ready_hosts=1,
            load_deadline=ago(1),
        )
    )
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.TRANSITIONING


@pytest.mark.parametrize("limit", ["load_deadline", "swap_deadline"])
def test_a_deadline_acts_only_on_what_was_seen_after_it(limit: str) -> None:
    """We may have been the ones who were away: the host gets one look."""
    slow = a_host(status="loading", answered=False, seen_at=ago(2))
    snapshot = a_snapshot(state=LOADING, target=(slow,), **{limit: ago(1)})
    first = next_step(snapshot)
    assert isinstance(first, CallHosts)
    assert first.call is Call.LOOK

    still = replace(slow, seen_at=JUST_NOW)
    then = next_step(replace(snapshot, target=(still,)))
    assert isinstance(then, MoveTo)
    assert then.state is SwapState.FAILED
    assert "not ready in time" in then.failure
    assert "host-a (loading)" in then.failure
    assert then.want == GIVE_BACK


def test_a_host_that_is_always_slow_to_answer_does_not_keep_the_deadline_away() -> None:
    """Each look takes longer than the pause between two, so one is always due."""
    silent = a_host(status="unknown", answered=False, seen_at=ago(2))
    step = next_step(a_snapshot(state=LOADING, target=(silent,), load_deadline=ago(3)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.FAILED


def test_a_load_that_is_late_keeps_the_hosts_own_last_words() -> None:
    words = "host host-a can't load iris 1.1: out of memory (HTTP 500)"
    refusing = a_host(status="unknown", answered=False, reason=words, seen_at=ago(2))
    step = next_step(a_snapshot(state=LOADING, target=(refusing,), load_deadline=ago(3)))
    assert isinstance(step, MoveTo)
    assert words in step.failure
    assert "its load deadline is over" in step.failure


def test_a_cluster_that_never_warms_fails_at_the_load_deadline() -> None:
    step = next_step(a_snapshot(state=LOADING, nodes=(a_node(members={}),), load_deadline=ago(1)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.FAILED
    assert "no healthy connection" in step.failure


def test_no_traffic_moves_once_the_whole_swap_is_late() -> None:
    step = next_step(a_snapshot(state=LOADING, swap_deadline=ago(1)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.FAILED
    assert "longer than it may" in step.failure


def test_cancel_works_at_once_during_a_slow_load_and_gives_back() -> None:
    slow = a_host(status="loading", answered=False)
    step = next_step(a_snapshot(state=LOADING, target=(slow,), abort="cancel"))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.CANCELLED
    assert step.want == GIVE_BACK


def test_rollback_while_loading_rolls_back() -> None:
    step = next_step(a_snapshot(state=LOADING, abort="rollback"))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.ROLLING_BACK
    assert step.failure == ""
