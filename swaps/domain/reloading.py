"""A restart goes on where it was: hosts that came back empty in the middle of a transition.

What was lost with a host's process, and neither failed nor was unloaded by anybody, says nothing
against the new version: turning back would end each swap with the next restart of its hosts. So
while too few hosts have the new version since they started anew,

1. the old version gets all traffic, once it is ready and reached by every live Envoy (it may have
   been on the same hosts: it is loaded first). Until then the route stays: with neither there,
   nothing would be better for another;
2. the new version is loaded again as the first time, within the load limit from then on: proven by
   a real inference, and healthy for every Envoy on as many hosts as were asked for;
3. it gets the weight back that it held, and the swap goes on at the same step. A hold begins anew:
   what it was to show, nobody saw while the weight was off.

The route without the new version is no drain of it: no watch is opened, its pinned path stays, and
nothing is unloaded. A swap comes back so `MOST_RELOADS` times; a host that restarts more often, or
a load that fails or lasts too long, turns it back with the reason.
"""

from dataclasses import replace

from swaps.domain.decisions import MoveTo, Proceed, RouteChange, Step, Wait
from swaps.domain.loading import load_step, return_step
from swaps.domain.router_view import no_node, not_applied
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.weights import held_weight

MOST_RELOADS = 3


def begin_reload(s: Snapshot, gone: tuple[HostView, ...]) -> Proceed | None:
    """For a version that too few hosts have. None: that is no matter of their restarts."""
    if s.reloads >= MOST_RELOADS:
        return None
    restarted = [view for view in gone if view.restarted]
    if len(s.target) - len(gone) + len(restarted) < s.hosts_needed:
        return None
    hosts = ", ".join(view.host for view in restarted)
    return Proceed(f"{hosts} restarted empty: {s.to_version} is loaded again", reload=True)


def reload_step(s: Snapshot) -> Step:
    """The next step until the new version has its weight back, or the swap turns round."""
    old_waits: Wait | None = None
    if s.from_version is not None and s.weights.get(s.to_version):
        old = return_step(s, s.from_version, s.source)
        if old is None:
            return _without_new(s, s.from_version)
        if not isinstance(old, Wait):
            return old
        old_waits = replace(old, asks_operator=False)
    step = load_step(s) or no_node(s) or not_applied(s)
    match step:
        case None:
            return _as_it_was(s)
        case MoveTo():
            return MoveTo(SwapState.ROLLING_BACK, step.reason, failure=step.failure)
        case Wait() if old_waits is not None:
            untils = [one for one in (old_waits.until, step.until) if one is not None]
            return replace(
                old_waits,
                reason=f"{old_waits.reason}; {step.reason}",
                until=min(untils, default=None),
                asks_operator=step.asks_operator,
                moment=old_waits.moment or step.moment,
            )
    return step


def _without_new(s: Snapshot, old: str) -> Proceed:
    return Proceed(
        f"100 % → {old} until {s.to_version} is loaded again",
        route=RouteChange({old: 100}, frozenset({old, s.to_version})),
    )


def _as_it_was(s: Snapshot) -> Proceed:
    back = f"{s.to_version} is loaded again"
    if s.weights.get(s.to_version):  # it was never taken off
        return Proceed(f"{back} and goes on", reload=False)
    route, reason = held_weight(s)
    return Proceed(f"{reason}: {back}", route=route, reload=False)
