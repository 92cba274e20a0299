"""Getting a version ready: loaded, answering, warmed up, and reachable from every node."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from swaps.domain.decisions import Call, CallHosts, MoveTo, Proceed, Step, Wait, Want
from swaps.domain.router_view import may_be_judged, no_node, not_warm
from swaps.domain.snapshot import UNLOADED_STATUSES, HostView, Snapshot
from swaps.domain.states import SwapState

# How often a host that loads is asked: between these two.
POLL_FIRST = timedelta(milliseconds=20)
POLL_SLOW = timedelta(seconds=1)
# How long a load that failed rests before it is tried again, where it is tried again.
RETRY_LOAD = timedelta(seconds=10)

SWAP_TOO_LONG = "the whole swap took longer than it may"


def load_step(s: Snapshot) -> Step | None:
    """The next step until the new version may take traffic; None when it may."""
    given_up = _given_up(s)
    needed = s.hosts_needed
    if len(s.target) - len(given_up) < needed:
        reasons = "; ".join(f"{view.host}: {view.reason or view.status}" for view in given_up)
        return MoveTo(
            SwapState.FAILED,
            f"{s.to_version} could not be loaded",
            failure=f"{s.to_version} could not be loaded on {reasons}",
        )
    left = tuple(view for view in s.target if view not in given_up)
    ready = [view for view in left if view.ready and seen_since_step(s, view)]
    over = _limit_over(s)
    # In time, every host that may still come is waited for; after it, enough are enough.
    if len(ready) < (len(left) if over is None else needed):
        step = _make_ready(s, s.to_version, left)
        if over is None:
            return step
        limit, words = over
        # After an outage of ours: look once before blaming the host.
        unseen = tuple(
            v.host for v in left if v not in ready and (v.seen_at is None or v.seen_at <= limit)
        )
        if unseen:
            return CallHosts(Call.LOOK, s.to_version, unseen, f"asking {', '.join(unseen)}")
        # The hosts' own last words, and not what would be done next.
        last = _each([v for v in left if v not in ready])
        return _late(s, words, f"{s.to_version} is not ready on {last}")
    waiting = no_node(s) or not_warm(s, s.to_version, needed=needed)
    if over and waiting:
        if not may_be_judged(s, over[0]):
            return replace(waiting, until=None)
        return _late(s, over[1], waiting.reason)
    if s.swap_deadline and s.now > s.swap_deadline:
        return _late(s, SWAP_TOO_LONG, "no traffic was moved")
    if waiting is None:
        return None
    return replace(waiting, until=s.load_deadline)


def return_step(s: Snapshot, version: str, views: tuple[HostView, ...]) -> Step | None:
    """The same for a version that traffic returns to, where one ready host is enough.

    No deadline ends it: it is tried again, and the operator sees why it takes long. A node
    that is away does not hold it up, because those that are here send requests meanwhile.
    """
    unwanted = tuple(view.host for view in views if not view.wanted)
    if unwanted:
        return Proceed(
            f"{version} is wanted again on {', '.join(unwanted)}",
            want=Want(version, unwanted, loaded=True),
        )
    step: Step | None
    if any(view.ready and seen_since_step(s, view) for view in views):
        step = no_node(s) or not_warm(s, version, live_only=True)
    else:
        step = _make_ready(s, version, views)
    return replace(step, asks_operator=True) if isinstance(step, Wait) else step


def seen_since_step(s: Snapshot, view: HostView) -> bool:
    """What was seen before this step began says nothing about now."""
    if view.seen_at is None:
        return False
    return s.step_entered_at is None or view.seen_at >= s.step_entered_at


def _given_up(s: Snapshot) -> tuple[HostView, ...]:
    return tuple(view for view in s.target if view.load_called and view.status == "failed")


def _limit_over(s: Snapshot) -> tuple[datetime, str] | None:
    """The limit that was passed, and how the operator reads it."""
    limits = ((s.load_deadline, "its load deadline is over"), (s.swap_deadline, SWAP_TOO_LONG))
    return next(((limit, words) for limit, words in limits if limit and s.now > limit), None)


def _late(s: Snapshot, limit: str, reason: str) -> MoveTo:
    return MoveTo(
        SwapState.FAILED,
        f"{s.to_version} was not ready in time",
        failure=f"{s.to_version} was not ready in time ({limit}): {reason}",
    )


def _make_ready(s: Snapshot, version: str, views: tuple[HostView, ...]) -> Step:
    """One step towards ready on all of `views`; calls come before waits."""
    stale = [v.host for v in views if _worth_a_look(s, v)]
    if stale:
        return CallHosts(Call.LOOK, version, tuple(stale), f"asking {', '.join(stale)}")
    answerable = [v.host for v in views if v.status == "ready" and v.told and not v.answered]
    if answerable:
        return CallHosts(
            Call.ANSWER, version, tuple(answerable), f"warming up on {', '.join(answerable)}"
        )
    to_load = [v for v in views if _needs_load(s, v)]
    may_load = load_together(s, views, to_load)
    loadable = [v.host for v in may_load if v.load_slot_free and not v.lacks_what_serves]
    if loadable:
        return CallHosts(Call.LOAD, version, tuple(loadable), f"loading on {', '.join(loadable)}")
    robbed = [v.host for v in may_load if v.lacks_what_serves]
    if robbed:
        return Wait(
            f"{', '.join(robbed)} first gets back what serves; {version} is next",
            s.now + POLL_SLOW,
        )
    crowded = [v.host for v in may_load]
    if crowded:
        return Wait(
            f"{', '.join(crowded)} loads as many versions as it may; {version} is next",
            s.now + POLL_SLOW,
        )
    pending = [v for v in views if not v.ready]
    in_turn = "; they load one after the other, since a load stalls what else they serve"
    return Wait(
        f"{version} is not ready on {_each(pending)}{in_turn if to_load else ''}",
        min(
            (_look_at(v, s.now) for v in pending if v not in to_load and not v.tried_in_vain),
            default=s.now + POLL_SLOW,
        ),
    )


def load_together(
    s: Snapshot, views: Sequence[HostView], to_load: Sequence[HostView]
) -> list[HostView]:
    """Those of `to_load` that may load now. Where a load disturbs what else a host serves, one of
    `views` at a time: all at once would leave their other versions with no host that answers.
    """
    under_way = [v for v in views if v.load_disturbs and _may_load_still(s, v)]
    failed_last = sorted(to_load, key=lambda v: v.status == "failed")
    first = next(iter(under_way or [v for v in failed_last if v.load_disturbs]), None)
    return [v for v in to_load if not v.load_disturbs or v == first]


def _may_load_still(s: Snapshot, view: HostView) -> bool:
    """A host that has been silent for long is down, and serves nothing that could stall."""
    if not view.load_called or view.ready or view.status in UNLOADED_STATUSES:
        return False
    return view.silent_since is None or s.now < view.silent_since + s.lost_after


def _each(views: Sequence[HostView]) -> str:
    return ", ".join(f"{v.host} ({v.reason or v.status})" for v in views)


def _needs_load(s: Snapshot, view: HostView) -> bool:
    """A load in unknown outcome is looked at, never repeated blindly; one with which the host went
    down too often is not tried again; one that was given up and ended well is asked for once more,
    for the host to hear of the present intent.
    """
    if view.tried_in_vain:
        return False
    if view.status == "ready":
        return not view.told
    if view.status == "failed":
        return not view.load_called or s.now >= _look_at(view, s.now)
    return view.status in {"available", "absent"}


def _look_at(view: HostView, now: datetime) -> datetime:
    if view.seen_at is None:
        return now
    match view.status:
        case "failed":
            return view.seen_at + RETRY_LOAD
        case "loading" if view.called_at is not None:
            # A tenth of the time it has taken so far: soon enough for a load of any length.
            so_far = view.seen_at - view.called_at
            return view.seen_at + min(max(so_far / 10, POLL_FIRST), POLL_SLOW)
    return view.seen_at + POLL_SLOW


def _worth_a_look(s: Snapshot, view: HostView) -> bool:
    unsettled = view.status in {"loading", "unknown", "unloading"}
    return not seen_since_step(s, view) or (unsettled and _look_at(view, s.now) <= s.now)
