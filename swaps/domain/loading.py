"""Getting a version ready: loaded, answering, warmed up, and reachable from every node."""

from datetime import datetime, timedelta

from swaps.domain.router_view import no_node, not_warm
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps import Advance, Call, CallHosts, MoveTo, Step, Wait, Want

# How often a host that loads is asked; a load of minutes is not worth a busy line.
POLL_FIRST = timedelta(milliseconds=50)
POLL_SLOW = timedelta(seconds=1)


def load_step(s: Snapshot) -> Step | None:
    """The next step until the new version may take traffic; None when it may."""
    given_up = _given_up(s)
    needed = s.min_ready_hosts or len(s.target)
    if len(s.target) - len(given_up) < needed:
        reasons = "; ".join(f"{view.host}: {view.reason or view.status}" for view in given_up)
        return MoveTo(
            SwapState.FAILED,
            f"{s.to_version} could not be loaded",
            failure=f"{s.to_version} could not be loaded on {reasons}",
        )
    left = tuple(view for view in s.target if view not in given_up)
    ready = [view for view in left if view.ready]
    in_time = s.load_deadline is None or s.now <= s.load_deadline
    if len(ready) < len(left) and (in_time or len(ready) < needed):
        step = _make_ready(s, s.to_version, left)
        if in_time and (s.swap_deadline is None or s.now <= s.swap_deadline):
            return step
        # After an outage of ours: look once before blaming the host.
        if isinstance(step, CallHosts) and step.call is Call.LOOK:
            return step
        return _late(s, step)
    waiting = no_node(s) or not_warm(s, s.to_version)
    if waiting is None:
        return None
    if s.load_deadline and s.now > s.load_deadline:
        return _late(s, waiting)
    return Wait(waiting.reason, s.load_deadline, waiting.asks_operator, waiting.moment)


def reload_step(s: Snapshot) -> Step | None:
    """The same for the old version, before traffic returns to it. No deadline ends it."""
    assert s.from_version is not None, "there is an old version to return to"
    unwanted = tuple(view.host for view in s.source if not view.wanted)
    if unwanted:
        return Advance(
            f"{s.from_version} is wanted again on {', '.join(unwanted)}",
            want=Want(s.from_version, unwanted, loaded=True),
        )
    if not any(view.ready for view in s.source):
        return _make_ready(s, s.from_version, s.source)
    return no_node(s) or not_warm(s, s.from_version)


def _given_up(s: Snapshot) -> tuple[HostView, ...]:
    return tuple(view for view in s.target if view.load_called and view.status == "failed")


def _late(s: Snapshot, waiting: Step) -> MoveTo:
    if s.load_deadline and s.now > s.load_deadline:
        limit = "its load deadline is over"
    else:
        limit = "the whole swap took longer than it may"
    return MoveTo(
        SwapState.FAILED,
        f"{s.to_version} was not ready in time",
        failure=f"{s.to_version} was not ready in time ({limit}): {waiting.reason}",
    )


def _make_ready(s: Snapshot, version: str, views: tuple[HostView, ...]) -> Step:
    """One step towards ready on all of `views`; calls come before waits."""
    stale = [v.host for v in views if not v.ready and _worth_a_look(s, v)]
    if stale:
        return CallHosts(Call.LOOK, version, tuple(stale), f"asking {', '.join(stale)}")
    answerable = [v.host for v in views if v.status == "ready" and not v.answered]
    if answerable:
        return CallHosts(
            Call.ANSWER, version, tuple(answerable), f"warming up on {', '.join(answerable)}"
        )
    loadable = [v.host for v in views if _needs_load(v) and v.load_slot_free]
    if loadable:
        return CallHosts(Call.LOAD, version, tuple(loadable), f"loading on {', '.join(loadable)}")
    crowded = [v.host for v in views if _needs_load(v)]
    if crowded:
        return Wait(
            f"{', '.join(crowded)} loads as many versions as it may; {version} is next",
            s.now + POLL_FIRST * 4,
        )
    pending = [v for v in views if not v.ready]
    words = ", ".join(f"{v.host} ({v.reason or v.status})" for v in pending)
    return Wait(f"{version} is not ready on {words}", min(_look_at(v, s.now) for v in pending))


def _needs_load(view: HostView) -> bool:
    """A load in unknown outcome is looked at, never repeated blindly."""
    return view.status in {"available", "absent"} or (
        view.status == "failed" and not view.load_called
    )


def _look_at(view: HostView, now: datetime) -> datetime:
    if view.seen_at is None:
        return now
    slow = view.status in {"unknown", "unloading"}
    return view.seen_at + (POLL_SLOW if slow else POLL_FIRST)


def _worth_a_look(s: Snapshot, view: HostView) -> bool:
    unsettled = view.status in {"loading", "unknown", "unloading"}
    # What was seen before this state began says nothing about now.
    old = view.seen_at is None or (s.step_entered_at and view.seen_at < s.step_entered_at)
    return bool(old or (unsettled and _look_at(view, s.now) <= s.now))
