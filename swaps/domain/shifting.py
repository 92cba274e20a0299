"""Moving traffic: the strategy's steps, each weight behind a fresh look at the new version."""

from swaps.domain.snapshot import Snapshot
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
    lost = _not_ready(s)
    if lost is not None:
        return lost
    route, following, reason = weights_for(s, index)
    return Advance(reason, step_index=following, route=route)


def _not_ready(s: Snapshot) -> Step | None:
    """Readiness belongs to a host's boot, and is read again before each weight."""
    entered = s.step_entered_at
    stale = [v.host for v in s.target if v.seen_at is None or (entered and v.seen_at < entered)]
    if stale:
        return CallHosts(Call.LOOK, s.to_version, tuple(stale), "asking before the next weight")
    unanswered = [v.host for v in s.target if v.status == "ready" and not v.answered]
    if unanswered:
        return CallHosts(Call.ANSWER, s.to_version, tuple(unanswered), "the host started anew")
    ready = sum(view.ready for view in s.target)
    needed = s.min_ready_hosts or len(s.target)
    if ready >= needed:
        return None
    lost = "; ".join(f"{v.host}: {v.reason or v.status}" for v in s.target if not v.ready)
    why = f"{s.to_version} stopped being ready on {lost}"
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
