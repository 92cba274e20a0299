"""Turning round once more, while traffic returns to the old version: all of it to the new one."""

from swaps.domain.decisions import Call, CallHosts, MoveTo, RouteChange, Step, Wait
from swaps.domain.loading import seen_since_step
from swaps.domain.router_view import no_node, not_warm
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import SwapState


def no_way_forward(s: Snapshot) -> str:
    """Why nothing would come of it, as far as is known without asking; "" if it may work."""
    if not s.routed:
        return f"{s.to_version} never had traffic; start a new swap once this one is over"
    if any(not view.unloaded for view in s.target):
        return ""
    return f"{s.to_version} is not loaded on {_each(s)}; start a new swap once this one is over"


def roll_forward_step(s: Snapshot) -> Step:
    """A wait says why the new version cannot take the traffic yet."""
    new, old = s.to_version, s.from_version
    stale = tuple(view.host for view in s.target if not seen_since_step(s, view))
    if stale:
        return CallHosts(Call.LOOK, new, stale, f"asking {', '.join(stale)} before all traffic")
    unanswered = tuple(v.host for v in s.target if v.status == "ready" and not v.answered)
    if unanswered:
        return CallHosts(Call.ANSWER, new, unanswered, "the host started anew")
    if not any(view.ready for view in s.target):
        return Wait(f"{new} is not ready on {_each(s)}")
    waiting = no_node(s) or not_warm(s, new, live_only=True)
    if waiting is not None:
        return waiting
    return MoveTo(
        SwapState.OLD_VERSION_DRAINING,
        f"rolled forward: all traffic to {new}",
        route=RouteChange({new: 100}, frozenset({new}), gone=old, watch=old),
    )


def _each(s: Snapshot) -> str:
    return ", ".join(f"{view.host} ({view.reason or view.status})" for view in s.target)
