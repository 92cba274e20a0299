"""Moving traffic: the strategy's steps, each weight behind a fresh look at the new version."""

from dataclasses import replace

from swaps.domain.loading import seen_since_step
from swaps.domain.router_view import not_warm
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps import Advance, Call, CallHosts, MoveTo, RouteChange, Step, Wait
from swaps.domain.strategies import Hold, Pause, SetWeight


def pass_strategy_step(s: Snapshot) -> Step:
    if s.promoted_full:
        return _next_weight(s, len(s.steps) - 1)
    if s.paused:
        return Wait("paused: resume it or roll it back", asks_operator=True)
    if s.step_index >= len(s.steps):
        return _next_weight(s, len(s.steps) - 1)
    step = s.steps[s.step_index]
    promoted = s.step_index < s.promoted_steps
    match step:
        case SetWeight():
            return _next_weight(s, s.step_index)
        case Hold(duration):
            entered = s.step_entered_at or s.now
            percent = s.weights.get(s.to_version, 0)
            if promoted or s.now >= entered + duration:
                return _after_wait(s, "promoted" if promoted else f"held at {percent} %")
            return Wait(f"holding at {percent} %", entered + duration)
        case Pause():
            if promoted:
                return _after_wait(s, "promoted")
            return Wait("paused until promoted", asks_operator=True)


def _after_wait(s: Snapshot, reason: str) -> Step:
    following = s.step_index + 1
    if following < len(s.steps) and isinstance(s.steps[following], SetWeight):
        return _next_weight(s, following)
    return Advance(reason, step_index=following)


def _next_weight(s: Snapshot, index: int) -> Step:
    unready = _not_ready(s)
    if unready is not None:
        return unready
    # A node that came since the last weight may not reach the new version yet.
    cold = not_warm(s, s.to_version)
    if cold is not None:
        return replace(cold, asks_operator=True)
    route, following, reason = weights_for(s, index)
    return Advance(reason, step_index=following, route=route)


def _not_ready(s: Snapshot) -> Step | None:
    """Readiness belongs to a host's boot, and is read again before each weight."""
    stale = [view.host for view in s.target if not seen_since_step(s, view)]
    if stale:
        return CallHosts(Call.LOOK, s.to_version, tuple(stale), "asking before the next weight")
    unanswered = [v.host for v in s.target if v.status == "ready" and not v.answered]
    if unanswered:
        return CallHosts(Call.ANSWER, s.to_version, tuple(unanswered), "the host started anew")
    return _too_few(s, tuple(view for view in s.target if not view.ready))


def vanished(s: Snapshot) -> MoveTo | None:
    """The new version is gone from its hosts while a weight is held: no need to ask again."""
    return _too_few(s, tuple(v for v in s.target if v.unloaded and seen_since_step(s, v)))


def _too_few(s: Snapshot, lost: tuple[HostView, ...]) -> MoveTo | None:
    needed = s.min_ready_hosts or len(s.target)
    if len(s.target) - len(lost) >= needed:
        return None
    hosts = "; ".join(f"{view.host}: {view.reason or view.status}" for view in lost)
    why = f"{s.to_version} stopped being ready on {hosts}"
    return MoveTo(SwapState.ROLLING_BACK, why, failure=why)


def weights_for(s: Snapshot, index: int) -> tuple[RouteChange, int, str]:
    """The route for the first SetWeight at or after `index`, the step after it, and a sentence.

    At 100 % the old version's pinned path goes with its weight, and its drain is watched
    from that very revision: a pinned path that outlived the weight would defeat the proof.
    """
    while not isinstance(s.steps[index], SetWeight):
        index += 1
    step = s.steps[index]
    assert isinstance(step, SetWeight), "a strategy ends with a weight of 100"
    if step.percent == 100 or s.from_version is None:
        route = RouteChange(
            {s.to_version: 100},
            frozenset({s.to_version}),
            gone=s.from_version,
            watch=s.from_version,
        )
        return route, len(s.steps), f"100 % → {s.to_version}"
    both = frozenset({s.from_version, s.to_version})
    weights = {s.from_version: 100 - step.percent, s.to_version: step.percent}
    return RouteChange(weights, both), index + 1, f"{step.percent} % → {s.to_version}"
