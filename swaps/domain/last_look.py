"""Before the point of no return, the version that stays is seen to answer, now.

What its row says is not enough: the row of a host that fell silent, or that hangs, still says
"ready", and unloading the other version would then leave nobody to answer. So its hosts are
asked once more, after all that the swap waited for (the proofs, the bake time), and Envoy's own
members are counted.
"""

from datetime import datetime, timedelta

from swaps.domain.decisions import Call, CallHosts, Wait
from swaps.domain.loading import POLL_SLOW
from swaps.domain.snapshot import HostView, Snapshot

# How old an answer may be that counts as now.
SEEN_NOW = timedelta(seconds=5)


def last_look(
    s: Snapshot, stays: str, views: tuple[HostView, ...], *, goes: str
) -> CallHosts | Wait | None:
    """None when `stays` answers on a host, and every live node reaches it."""
    since = _waited_until(s)
    if not any(view.ready and _seen(s, view, since, SEEN_NOW) for view in views):
        return _ask(s, stays, views, since, goes)
    live = [node for node in s.nodes if node.connected]
    unreached = ", ".join(node.name for node in live if not node.healthy(stays))
    if live and not unreached:
        return None
    whom = f"{unreached} has no healthy connection to {stays}" if live else _nobody_says(stays)
    return Wait(f"{whom}: {goes} stays loaded", s.now + POLL_SLOW, asks_operator=True)


def _waited_until(s: Snapshot) -> datetime:
    """The last of what it waited for."""
    waited = [s.step_entered_at, *(node.proven_at for node in s.nodes)]
    if s.drained_at and not s.bake_ended and not s.forced_by:
        waited.append(s.drained_at + s.keep_warm)
    return max(moment for moment in (*waited, s.now - SEEN_NOW) if moment and moment <= s.now)


def _seen(s: Snapshot, view: HostView, since: datetime, within: timedelta) -> bool:
    return view.seen_at is not None and view.seen_at >= max(since, s.now - within)


def _ask(
    s: Snapshot, stays: str, views: tuple[HostView, ...], since: datetime, goes: str
) -> CallHosts | Wait:
    stale = tuple(view.host for view in views if not _seen(s, view, since, POLL_SLOW))
    if stale:
        why = f"asking {', '.join(stale)} for {stays} before {goes} is unloaded"
        return CallHosts(Call.LOOK, stays, stale, why)
    unanswered = tuple(v.host for v in views if v.status == "ready" and not v.answered)
    if unanswered:
        return CallHosts(Call.ANSWER, stays, unanswered, "the host started anew")
    lost = ", ".join(f"{view.host} ({view.reason or view.status})" for view in views)
    way_out = "roll back" if goes == s.from_version else "roll forward"
    return Wait(
        f"{stays} is not ready on {lost}: {goes} stays loaded; {way_out}, or bring the host back",
        s.now + POLL_SLOW,
        asks_operator=True,
    )


def _nobody_says(version: str) -> str:
    return f"no router node is connected, and nobody knows whether Envoys reach {version}"
