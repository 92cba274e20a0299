"""Moving traffic: the strategy's steps, each weight behind a fresh look at the new version."""

from dataclasses import replace

from swaps.domain.decisions import Call, CallHosts, MoveTo, Proceed, Step, Wait
from swaps.domain.loading import POLL_SLOW, seen_since_step
from swaps.domain.reloading import MOST_RELOADS, begin_reload
from swaps.domain.router_view import most_members, not_warm, unreached, unreached_since
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.steps.contract import AtStep, Passed
from swaps.domain.weights import weights_for


def pass_strategy_step(s: Snapshot) -> Step:
    if s.promoted_full:
        return _next_weight(s, len(s.steps) - 1)
    if s.paused:
        return Wait("paused: resume it or roll it back", asks_operator=True)
    if s.step_index >= len(s.steps):
        return _next_weight(s, len(s.steps) - 1)
    step = s.steps[s.step_index]
    if step.weight is not None:
        return _next_weight(s, s.step_index)
    at = AtStep(
        now=s.now,
        entered_at=s.step_entered_at or s.now,
        percent=s.weights.get(s.to_version, 0),
        promoted=s.step_index < s.promoted_steps,
    )
    answer = step.passing(at)
    return _after_wait(s, answer.reason) if isinstance(answer, Passed) else answer


def _after_wait(s: Snapshot, reason: str) -> Step:
    following = s.step_index + 1
    if following < len(s.steps) and s.steps[following].weight is not None:
        return _next_weight(s, following)
    return Proceed(reason, step_index=following)


def _next_weight(s: Snapshot, index: int) -> Step:
    unready = _not_ready(s)
    if unready is not None:
        return unready
    # A node that came since the last weight may not reach the new version yet.
    cold = not_warm(s, s.to_version, needed=s.hosts_needed)
    if cold is not None:
        return replace(cold, asks_operator=True)
    route, following, reason = weights_for(s, index)
    return Proceed(reason, step_index=following, route=route)


def _not_ready(s: Snapshot) -> Step | None:
    """Readiness belongs to a host's boot, and is read again before each weight."""
    stale = [view.host for view in s.target if _to_be_asked(s, view)]
    if stale:
        return CallHosts(Call.LOOK, s.to_version, tuple(stale), "asking before the next weight")
    unanswered = [v.host for v in s.target if v.status == "ready" and not v.answered]
    if unanswered:
        return CallHosts(Call.ANSWER, s.to_version, tuple(unanswered), "the host started anew")
    lost = tuple(view for view in s.target if not view.ready)
    if _enough(s, lost):
        return None
    return _too_few(s, tuple(view for view in lost if _is_lost(s, view))) or _silent(s, lost)


def _to_be_asked(s: Snapshot, view: HostView) -> bool:
    """A host that did not answer is asked again, since one silence is no death."""
    if not seen_since_step(s, view):
        return True
    if view.status != "unknown" or view.seen_at is None or _is_lost(s, view):
        return False
    return s.now >= view.seen_at + POLL_SLOW


def _is_lost(s: Snapshot, view: HostView) -> bool:
    """A host that is silent for too long is lost where Envoys don't reach enough others: while
    they do, it is we who don't hear it.
    """
    if view.status != "unknown":
        return not view.ready
    since = view.silent_since or view.seen_at
    if since is None or s.now < since + s.lost_after:
        return False
    return most_members(s, s.to_version) < s.hosts_needed


def _silent(s: Snapshot, lost: tuple[HostView, ...]) -> Wait:
    hosts = "; ".join(f"{view.host}: {view.reason or view.status}" for view in lost)
    since = min((one.silent_since for one in lost if one.silent_since), default=s.now)
    return Wait(
        f"before the next weight {s.to_version} is asked again on {hosts}",
        s.now + POLL_SLOW,
        asks_operator=s.now >= since + s.lost_after,
    )


def vanished(s: Snapshot) -> MoveTo | Proceed | None:
    """The new version is gone from its hosts while a weight is held: no need to ask again."""
    gone = tuple(v for v in s.target if v.unloaded and seen_since_step(s, v))
    turned = _too_few(s, gone)
    return turned and (begin_reload(s, gone) or turned)


def unreached_now(s: Snapshot) -> MoveTo | CallHosts | None:
    """Out of reach. Its hosts are asked once more before that turns the swap back: those that
    only started anew are there again, empty, before any Envoy can tell.
    """
    gone, since = out_of_reach(s), unreached_since(s, s.to_version)
    if gone is None or since is None:
        return None
    limit = since + s.lost_after
    stale = [v.host for v in s.target if v.seen_at is None or v.seen_at < limit]
    if stale:
        return CallHosts(Call.LOOK, s.to_version, tuple(stale), "asking before turning back")
    return gone


def out_of_reach(s: Snapshot) -> MoveTo | None:
    """No Envoy reaches the new version any more, and its share fails: that ends any hold. With
    no version to go back to, nothing would be better for it.
    """
    if s.from_version is None or not unreached(s, s.to_version):
        return None
    limit = f"{s.lost_after.total_seconds():g} s"
    why = f"for more than {limit} no router node had a healthy connection to {s.to_version}"
    return MoveTo(SwapState.ROLLING_BACK, why, failure=why)


def told_out_of_reach(s: Snapshot, step: Step) -> Step:
    """The same while it is not for long: whoever reads what the swap waits for knows."""
    since = unreached_since(s, s.to_version)
    if since is None or not isinstance(step, Wait):
        return step
    reason = f"no router node has a healthy connection to {s.to_version}; {step.reason}"
    if s.from_version is None:
        return replace(step, reason=reason, asks_operator=True)
    limit = since + s.lost_after
    reason = f"{reason}; {s.from_version} gets all traffic back if that lasts"
    until = min(step.until or limit, limit)
    return replace(step, reason=reason, until=until if until > s.now else None)


def _enough(s: Snapshot, lost: tuple[HostView, ...]) -> bool:
    return len(s.target) - len(lost) >= s.hosts_needed


def _too_few(s: Snapshot, lost: tuple[HostView, ...]) -> MoveTo | None:
    if _enough(s, lost):
        return None
    hosts = "; ".join(f"{view.host}: {view.reason or view.status}" for view in lost)
    why = f"{s.to_version} stopped being ready on {hosts}"
    if s.reloads >= MOST_RELOADS and any(view.restarted for view in lost):
        why = f"{why}: it was loaded again {s.reloads} times already"
    return MoveTo(SwapState.ROLLING_BACK, why, failure=why)
