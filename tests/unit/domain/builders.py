"""Snapshots for tests of the decision: each test names only what matters to it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from swaps.domain.snapshot import HostView, NodeView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps import SetWeight

OLD, NEW = "1.0", "1.1"
NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ENTERED = NOW - timedelta(seconds=10)
PROVEN = NOW - timedelta(milliseconds=20)
JUST_NOW = NOW - timedelta(milliseconds=10)


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


def ago(number: float) -> datetime:
    return NOW - seconds(number)


def ahead(number: float) -> datetime:
    return NOW + seconds(number)


def a_host(**only_what_matters: Any) -> HostView:
    """A version that is ready, answered, and was seen just now."""
    usual = HostView(
        host="host-a",
        wanted=True,
        status="ready",
        load_called=True,
        answered=True,
        seen_at=JUST_NOW,
    )
    return replace(usual, **only_what_matters)


def a_node(**only_what_matters: Any) -> NodeView:
    """A connected node that applied the present revision and reaches both versions."""
    usual = NodeView(
        name="node-a",
        connected=True,
        seen_at=JUST_NOW,
        applied_revision=7,
        members={OLD: 1, NEW: 1},
    )
    return replace(usual, **only_what_matters)


def a_snapshot(**only_what_matters: Any) -> Snapshot:
    """A swap 1.0 → 1.1 with one host, one node and the route that its state implies."""
    state = only_what_matters.get("state", SwapState.TRANSITIONING)
    usual = Snapshot(
        now=NOW,
        state=state,
        from_version=OLD,
        to_version=NEW,
        source=(a_host(),),
        target=(a_host(),),
        nodes=(a_node(),),
        routers_since=ago(86_400),
        revision=7,
        weights={OLD: 100},
        pinned=frozenset({OLD}),
        steps=(SetWeight(100),),
        step_entered_at=ENTERED,
    )
    match state:
        case SwapState.TRANSITIONING:
            usual = replace(
                usual, weights={OLD: 75, NEW: 25}, pinned=frozenset({OLD, NEW}), routed=True
            )
        case SwapState.OLD_VERSION_DRAINING:
            usual = replace(
                usual, weights={NEW: 100}, pinned=frozenset({NEW}), routed=True, watching=OLD
            )
    return replace(usual, **only_what_matters)


def rolling_back(**only_what_matters: Any) -> Snapshot:
    """Traffic is back on 1.0; the drain of 1.1 is watched."""
    usual = {"state": SwapState.ROLLING_BACK, "routed": True, "watching": NEW}
    return a_snapshot(**(usual | only_what_matters))
