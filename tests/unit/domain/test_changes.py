"""What steps and commands change, as data: what both the engine and the simulation apply."""

from dataclasses import fields

import pytest

from swaps.domain.changes import (
    NOW,
    Changes,
    FromNow,
    of_move,
    of_proceed,
    of_return,
)
from swaps.domain.commands import ENTRIES, Command, CommandDetails, Place
from swaps.domain.deadlines import load_deadline
from swaps.domain.decisions import MoveTo, PassReturn, Proceed, RouteChange
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import ENTRIES as STATES
from swaps.domain.states import ImpossibleTransition, SwapState, require_transition
from tests.unit.domain.builders import NEW, a_snapshot, ago, seconds

S = SwapState
ADA = CommandDetails("ada", {"seconds": 60})
ROUTE = RouteChange({NEW: 100}, frozenset({NEW}), watch="1.0")


def every_change() -> list[Changes]:
    s = a_snapshot(swap_timeout=seconds(300))
    return [
        *(of_move(s, MoveTo(state, "why", step_index=1, route=ROUTE)) for state in SwapState),
        of_proceed(s, Proceed("why", step_index=2, route=ROUTE, drained=True, reload=True)),
        of_return(s, PassReturn("1.0", ("host-a",), "why")),
        *(one.change(Place(s.state, limited=True), ADA) for one in ENTRIES.values()),
    ]


def test_every_change_is_of_what_a_decision_sees() -> None:
    known = {field.name for field in fields(Snapshot)}
    for changes in every_change():
        assert set(changes) <= known
        for moment in changes.values():
            if isinstance(moment, FromNow):
                assert {moment.or_from, moment.not_before} - {""} <= known


@pytest.mark.parametrize("before", [S.TRANSITIONING, S.OLD_VERSION_DRAINING])
def test_what_was_asked_for_one_direction_is_void_in_the_other(before: SwapState) -> None:
    back = of_move(a_snapshot(state=before), MoveTo(S.ROLLING_BACK, "why"))
    forward = of_move(a_snapshot(state=S.ROLLING_BACK), MoveTo(S.OLD_VERSION_DRAINING, "why"))
    for changes in (back, forward):
        voided = {"abort", "roll_forward", "forced_by", "bake_ended", "drained_at"}
        assert not any(changes[name] for name in voided)


def test_a_drain_that_follows_the_way_forth_keeps_what_was_asked() -> None:
    changes = of_move(a_snapshot(), MoveTo(S.OLD_VERSION_DRAINING, "why"))
    assert not {"abort", "forced_by", "swap_deadline"} & set(changes)


def test_the_swaps_own_time_runs_from_when_it_begins_to_load() -> None:
    limited = a_snapshot(state=S.NOT_STARTED, swap_timeout=seconds(300))
    begin = MoveTo(S.LOADING_NEW_VERSION, "why")
    assert of_move(limited, begin)["swap_deadline"] == FromNow(seconds(300))
    assert "swap_deadline" not in of_move(a_snapshot(state=S.NOT_STARTED), begin)


def test_a_version_proven_idle_before_its_bake_time_keeps_that_moment() -> None:
    passing = PassReturn("1.0", ("host-a",), "why")
    proven = ago(20)
    draining = a_snapshot(state=S.OLD_VERSION_DRAINING)
    assert of_return(draining, passing)["drained_at"] is NOW
    baked = a_snapshot(state=S.OLD_VERSION_DRAINING, drained_at=proven)
    assert of_return(baked, passing)["drained_at"] == proven


def test_a_longer_drain_does_not_run_into_the_end_of_the_whole_swap() -> None:
    extend = ENTRIES[Command.EXTEND_DRAIN].change
    later = FromNow(seconds(60), or_from="drain_deadline")
    assert extend(Place(S.OLD_VERSION_DRAINING), ADA) == {"drain_deadline": later}
    limit = extend(Place(S.OLD_VERSION_DRAINING, limited=True), ADA)["swap_deadline"]
    assert limit == FromNow(seconds(60), or_from="drain_deadline", not_before="swap_deadline")


def test_only_the_transitions_of_the_table_are_possible() -> None:
    for before in SwapState:
        for after in SwapState:
            if after in STATES[before].follows:
                require_transition(before, after)
            else:
                with pytest.raises(ImpossibleTransition, match=f"from {before} to no {after}"):
                    require_transition(before, after)


def test_a_load_has_its_time_the_first_one_and_one_after_a_restart() -> None:
    times = {"state_entered_at": ago(100), "reloading_since": ago(5), "timeout": seconds(30)}
    assert load_deadline(S.LOADING_NEW_VERSION, **times) == ago(70)
    assert load_deadline(S.TRANSITIONING, **times) == ago(-25)
    assert load_deadline(S.TRANSITIONING, **{**times, "reloading_since": None}) is None
