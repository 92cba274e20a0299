"""OldVersionDraining: the old version goes only when proven idle everywhere, or forced by name."""

from dataclasses import replace
from datetime import datetime

import pytest

from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn, Proceed, RouteChange, Wait
from swaps.domain.next_step import next_step
from swaps.domain.snapshot import NodeView, Snapshot
from swaps.domain.states import SwapState
from tests.unit.domain.builders import (
    JUST_NOW,
    NEW,
    OLD,
    PROVEN,
    a_host,
    a_node,
    a_snapshot,
    ago,
    ahead,
    seconds,
)

IDLE = (a_node(proven_at=PROVEN),)
BUSY = (a_node(proven_at=PROVEN), a_node(name="node-b"))
AWAY = (a_node(proven_at=PROVEN), a_node(name="node-b", connected=False))
BEHIND = (a_node(proven_at=PROVEN), a_node(name="node-b", applied_revision=6))


def draining(**only_what_matters: object) -> Snapshot:
    return a_snapshot(state=SwapState.OLD_VERSION_DRAINING, **only_what_matters)


def unloading(**only_what_matters: object) -> Snapshot:
    return draining(nodes=IDLE, past_return=True, drained_at=JUST_NOW, **only_what_matters)


# The proof


def test_proven_idle_on_every_node_it_passes_the_point_of_no_return() -> None:
    step = next_step(draining(nodes=IDLE, source=(a_host(), a_host(host="host-b"))))
    assert isinstance(step, PassReturn)
    assert (step.version, step.hosts, step.forced) == (OLD, ("host-a", "host-b"), False)


def test_waits_for_the_proof_of_every_node() -> None:
    step = next_step(draining(nodes=BUSY, drain_deadline=ahead(5)))
    assert step == Wait("1.0 is not yet idle on node-b", ahead(5), moment=True)


def test_an_away_node_blocks_the_drain_by_name() -> None:
    step = next_step(draining(nodes=AWAY))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "node-b is away and may still send requests to 1.0" in step.reason


def test_without_a_node_nothing_is_drained() -> None:
    step = next_step(draining(nodes=()))
    assert isinstance(step, Wait)
    assert step.asks_operator


def test_a_node_that_came_without_the_route_is_waited_for() -> None:
    step = next_step(draining(nodes=BEHIND))
    assert isinstance(step, Wait)
    assert "node-b has not applied revision 7" in step.reason


def test_a_refusal_of_the_route_is_told_in_the_nodes_words() -> None:
    refusing = a_node(applied_revision=6, nack="unknown cluster")
    step = next_step(draining(nodes=(refusing,)))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert "node-a refuses revision 7: unknown cluster" in step.reason


def test_a_proof_for_an_earlier_revision_is_asked_for_anew() -> None:
    step = next_step(draining(nodes=IDLE, watching=None))
    assert isinstance(step, Proceed)
    assert step.route == RouteChange({NEW: 100}, frozenset({NEW}), gone=OLD, watch=OLD)


def test_the_old_version_stays_while_the_new_one_is_ready_nowhere() -> None:
    lost = a_host(status="unknown", answered=False)
    step = next_step(draining(nodes=IDLE, target=(lost,), forced_by="ada"))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert step.reason.startswith(
        "forced by ada, but 1.1 is not ready on host-a (unknown): 1.0 stays"
    )


# Bake time


def test_idle_it_is_noted_and_stays_warm() -> None:
    step = next_step(draining(nodes=IDLE, keep_warm=seconds(60)))
    assert isinstance(step, Proceed)
    assert step.drained
    assert step.route is None


def test_bakes_for_as_long_as_asked() -> None:
    baking = draining(nodes=IDLE, keep_warm=seconds(60), drained_at=ago(20))
    step = next_step(baking)
    assert isinstance(step, Wait)
    assert step.until == ahead(40)
    over = replace(baking, now=ahead(40), target=(a_host(seen_at=ahead(40)),))
    assert isinstance(next_step(over), PassReturn)


def test_promote_ends_the_bake() -> None:
    step = next_step(
        draining(nodes=IDLE, keep_warm=seconds(60), drained_at=ago(20), bake_ended=True)
    )
    assert isinstance(step, PassReturn)


@pytest.mark.parametrize("drained_at", [None, ago(20)])
def test_forced_while_it_bakes_it_goes_at_once_and_only_idle(drained_at: datetime | None) -> None:
    baking = draining(keep_warm=seconds(60), drained_at=drained_at, forced_by="ada")
    step = next_step(replace(baking, nodes=IDLE))
    assert isinstance(step, PassReturn)
    assert (step.forced, "ada ended its bake time" in step.reason) == (False, True)
    assert isinstance(next_step(replace(baking, nodes=AWAY)), Wait)


@pytest.mark.parametrize("policy", ["rollback", "force"])
def test_a_node_asked_anew_while_it_bakes_sets_no_policy_off(policy: str) -> None:
    """It was idle in time; a node that reconnects has to prove it again, for an instant."""
    step = next_step(
        draining(
            nodes=BUSY,
            keep_warm=seconds(3600),
            drained_at=ago(600),
            drain_deadline=ago(590),
            on_drain_timeout=policy,
        )
    )
    assert isinstance(step, Wait)


# The drain deadline, by policy


@pytest.mark.parametrize("nodes", [BUSY, AWAY, ()])
@pytest.mark.parametrize("limit", ["drain_deadline", "swap_deadline"])
def test_policy_wait_asks_the_operator_and_names_the_choices(
    nodes: tuple[NodeView, ...], limit: str
) -> None:
    step = next_step(draining(nodes=nodes, **{limit: ago(1)}))
    assert isinstance(step, Wait)
    assert step.asks_operator
    assert all(word in step.reason for word in ("extend", "roll back", "force"))


def test_policy_rollback_rolls_back_with_the_reason() -> None:
    step = next_step(draining(nodes=BUSY, drain_deadline=ago(1), on_drain_timeout="rollback"))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.ROLLING_BACK
    assert "not yet idle on node-b" in step.failure


def test_policy_force_unloads_what_is_not_idle_in_its_own_name() -> None:
    step = next_step(draining(nodes=BUSY, drain_deadline=ago(1), on_drain_timeout="force"))
    assert isinstance(step, PassReturn)
    assert step.forced
    assert "the swap's policy" in step.reason


def test_policy_force_waits_for_the_deadline() -> None:
    step = next_step(draining(nodes=BUSY, drain_deadline=ahead(1), on_drain_timeout="force"))
    assert isinstance(step, Wait)


def test_forced_by_an_administrator_it_goes_with_their_name_on_it() -> None:
    step = next_step(draining(nodes=BUSY, forced_by="ada"))
    assert isinstance(step, PassReturn)
    assert step.forced
    assert "ada" in step.reason


@pytest.mark.parametrize(
    "force", [{"forced_by": "ada"}, {"on_drain_timeout": "force", "drain_deadline": ago(1)}]
)
@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        (AWAY, "node-b is away"),
        ((), "every node is away"),
        (BEHIND, "node-b has not applied revision 7"),
        ((a_node(applied_revision=6, nack="bad"),), "node-a refuses revision 7: bad"),
    ],
)
def test_force_never_covers_a_node_that_may_still_send_new_requests(
    force: dict[str, object], nodes: tuple[NodeView, ...], words: str
) -> None:
    step = next_step(draining(nodes=nodes, **force))
    assert isinstance(step, Wait)
    assert words in step.reason


# After the point of no return


def test_past_it_the_old_version_is_unloaded() -> None:
    step = next_step(unloading())
    assert isinstance(step, CallHosts)
    assert (step.call, step.version, step.hosts) == (Call.UNLOAD, OLD, ("host-a",))


def test_unloaded_it_is_completed() -> None:
    step = next_step(unloading(source=(a_host(status="available"),), unload_called_at=ago(1)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.COMPLETED
    assert "1.0 is unloaded" in step.reason


def test_an_unload_under_way_is_waited_for() -> None:
    step = next_step(unloading(source=(a_host(status="unloading"),), unload_called_at=ago(1)))
    assert isinstance(step, Wait)


def test_an_unload_that_fails_completes_and_goes_on_by_itself() -> None:
    stuck = a_host(status="unknown", reason="timed out")
    step = next_step(unloading(source=(stuck,), unload_called_at=ago(60)))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.COMPLETED
    assert step.failure == ""
    assert "still to be unloaded on host-a" in step.reason


def test_past_it_there_is_no_way_back() -> None:
    step = next_step(unloading(abort="rollback"))
    assert isinstance(step, CallHosts)
    assert step.call is Call.UNLOAD


# Others


def test_rollback_before_the_point_of_no_return() -> None:
    step = next_step(draining(nodes=IDLE, abort="rollback"))
    assert isinstance(step, MoveTo)
    assert (step.state, step.failure) == (SwapState.ROLLING_BACK, "")


def test_an_activation_has_nothing_to_drain() -> None:
    step = next_step(draining(from_version=None, source=(), watching=None))
    assert isinstance(step, MoveTo)
    assert step.state is SwapState.COMPLETED


def test_an_activation_is_completed_only_when_applied_everywhere() -> None:
    step = next_step(draining(from_version=None, source=(), watching=None, nodes=BEHIND))
    assert isinstance(step, Wait)
    assert "node-b" in step.reason
