"""The decision: what to do next for one swap. Pure; the engine does it and asks again.

Each function is a list of reasons to wait or to act, the first that holds wins; the
order is the argument for why no request is lost. Compare argo-rollouts' reconcile loop.
"""

from dataclasses import replace
from datetime import datetime
from typing import assert_never

from swaps.domain.decisions import (
    MoveTo,
    PassReturn,
    Proceed,
    RouteChange,
    Step,
    Wait,
    Want,
)
from swaps.domain.last_look import last_look
from swaps.domain.loading import SWAP_TOO_LONG, load_step, return_step
from swaps.domain.reloading import reload_step
from swaps.domain.rolling_forward import roll_forward_step
from swaps.domain.router_view import (
    may_be_judged,
    no_node,
    not_applied,
    not_proven,
    refused_by,
    refused_late,
)
from swaps.domain.shifting import (
    out_of_reach,
    pass_strategy_step,
    told_out_of_reach,
    unreached_now,
    vanished,
)
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.unloading import left_to_unload, unload_step
from swaps.domain.weights import weights_for

_S = SwapState


def next_step(s: Snapshot) -> Step:
    """Raises ValueError for a swap that is over: there is no next step."""
    match s.state:
        case _S.NOT_STARTED:
            return _start(s)
        case _S.LOADING_NEW_VERSION:
            return _load(s)
        case _S.TRANSITIONING:
            return _shift(s)
        case _S.OLD_VERSION_DRAINING:
            return _unload_old(s) if s.past_return else _drain_old(s)
        case _S.ROLLING_BACK:
            return _roll_back(s)
        case _S.COMPLETED | _S.FAILED | _S.ROLLED_BACK | _S.CANCELLED:
            raise ValueError(f"a swap that is {s.state} has no next step")
        case _:
            assert_never(s.state)


def _hosts(views: tuple[HostView, ...]) -> tuple[str, ...]:
    return tuple(view.host for view in views)


def _start(s: Snapshot) -> Step:
    if s.abort:
        return MoveTo(_S.CANCELLED, "cancelled before it began")
    if s.queued_behind:
        return Wait(s.queued_behind)
    if s.unapproved:
        return Wait(s.unapproved, asks_operator=True)
    if s.from_version is None and s.weights:
        held = ", ".join(sorted(s.weights))
        return MoveTo(_S.FAILED, "a version serves", failure=f"{held} serves already: swap it")
    if s.from_version is not None and s.serving != s.from_version:
        now = s.serving or "no single version"
        return MoveTo(
            _S.FAILED,
            "the old version no longer serves alone",
            failure=f"{s.from_version} does not hold 100 % any more: {now} does",
        )
    hosts = _hosts(s.target)
    return MoveTo(
        _S.LOADING_NEW_VERSION,
        f"loading {s.to_version} on {', '.join(hosts)}",
        want=Want(s.to_version, hosts, loaded=True),
    )


def _load(s: Snapshot) -> Step:
    give_back = Want(s.to_version, _hosts(s.target), loaded=False)
    if s.restored and s.abort:
        return MoveTo(_S.ROLLING_BACK, "taken back; it may have had traffic after the backup")
    if s.abort == "cancel":
        return MoveTo(_S.CANCELLED, "cancelled while loading; no traffic had moved", want=give_back)
    if s.abort == "rollback":
        return MoveTo(_S.ROLLING_BACK, "rolled back while loading; no traffic had moved")
    step = load_step(s)
    if step is None:
        return _begin_shift(s)
    if isinstance(step, MoveTo) and s.restored:
        return MoveTo(_S.ROLLING_BACK, step.reason, failure=step.failure)
    if isinstance(step, MoveTo):  # it failed
        return MoveTo(step.state, step.reason, want=give_back, failure=step.failure)
    return step


def _begin_shift(s: Snapshot) -> Step:
    """All is ready and warm: the first weight goes out with the change of state."""
    route, index, reason = weights_for(s, 0)
    return MoveTo(_S.TRANSITIONING, reason, route=route, step_index=index)


def _shift(s: Snapshot) -> Step:
    if s.abort:
        return MoveTo(_S.ROLLING_BACK, "rolled back by request")
    refusal = refused_by(s) or refused_late(s)
    if refusal:
        return MoveTo(_S.ROLLING_BACK, refusal, failure=refusal)
    if s.swap_deadline and s.now > s.swap_deadline:
        return MoveTo(_S.ROLLING_BACK, SWAP_TOO_LONG, failure=SWAP_TOO_LONG)
    if s.reloading:
        return reload_step(s)
    gone = vanished(s) or unreached_now(s)
    if gone:
        return gone
    waiting = no_node(s) or not_applied(s)
    if waiting:
        return told_out_of_reach(s, waiting)
    if s.weights.get(s.to_version) == 100:
        return MoveTo(
            _S.OLD_VERSION_DRAINING,
            f"all traffic is on {s.to_version}, applied everywhere",
        )
    return told_out_of_reach(s, pass_strategy_step(s))


def _drain_old(s: Snapshot) -> Step:
    if s.abort:
        return MoveTo(_S.ROLLING_BACK, "rolled back by request")
    if s.from_version is None:
        # After a roll forward the route is new: no node has to have it yet.
        unapplied = no_node(s) or not_applied(s)
        if unapplied:
            return _drain_deadline(s, unapplied)
        return MoveTo(_S.COMPLETED, f"{s.to_version} serves; there was no version before it")
    gone = out_of_reach(s)
    if gone:
        return gone
    return _before_return(s, told_out_of_reach(s, _wait_until_idle(s, s.from_version)))


def _wait_until_idle(s: Snapshot, old: str) -> Step:
    hosts = _hosts(s.source)
    if s.watching != old:
        # Rolled forward, or the route was rewritten: the proof is asked for anew.
        return Proceed(
            f"asking every node whether {old} is idle",
            route=RouteChange({s.to_version: 100}, frozenset({s.to_version}), gone=old, watch=old),
        )
    waiting = no_node(s) or not_applied(s) or not_proven(s, old)
    if waiting is None:
        idle = f"{old} is idle, proven on every node"
        if s.forced_by and s.keep_warm:
            return PassReturn(old, hosts, f"{idle}; {s.forced_by} ended its bake time")
        if s.drained_at is None and s.keep_warm:
            return Proceed(f"{old} is idle on every node; it stays warm", drained=True)
        if s.drained_at and not s.bake_ended and s.now < s.drained_at + s.keep_warm:
            return Wait(
                f"{old} is idle and stays warm for a quick way back", s.drained_at + s.keep_warm
            )
        return PassReturn(old, hosts, idle)
    return _force(s, old, hosts) or _drain_deadline(s, waiting)


def _before_return(s: Snapshot, step: Step) -> Step:
    """Whoever decides to unload a version looks once more whether the other one answers."""
    if not isinstance(step, PassReturn) or not s.routed:
        return step
    back = s.state is _S.ROLLING_BACK
    stays, views = (s.from_version, s.source) if back else (s.to_version, s.target)
    look = last_look(s, stays, views, goes=step.version) if stays else None
    if look is None:
        return _after_restore(s, step)
    return _though_forced(s, look) if isinstance(look, Wait) else look


def _after_restore(s: Snapshot, step: PassReturn) -> Step:
    """An Envoy that connected after the backup is in no row until it is back: nobody waits for
    its proof, so a person says that all are here.
    """
    if not s.restored or s.bake_ended or s.forced_by:
        return step
    how = "promote" if s.state is _S.OLD_VERSION_DRAINING else "have an administrator force it"
    return Wait(
        f"the database was restored from a backup: before {step.version} is unloaded, see that "
        f"every Envoy which runs is connected, then {how}",
        asks_operator=True,
    )


def _force(s: Snapshot, version: str, hosts: tuple[str, ...]) -> Step | None:
    """Unload a version that is not idle: with a name on it, and never past an unknown node.

    It cuts off requests in flight. A node that has not applied the route would go on to
    send new ones: that is no longer a matter of patience, so nobody can force it.
    """
    overdue = s.drain_deadline and _is_over(s, s.drain_deadline) and not s.drained_at
    who = s.forced_by or ("the swap's policy" if s.on_drain_timeout == "force" and overdue else "")
    if not who:
        return None
    unknown = [node.name for node in s.nodes if not node.connected]
    if s.nodes and not unknown:
        behind = not_applied(s)
        if behind:
            return replace(
                behind, reason=f"forced by {who}, but {behind.reason}", asks_operator=True
            )
    if unknown or not s.nodes:
        return Wait(
            f"forced by {who}, but {', '.join(unknown) or 'every node'} is away and may still "
            f"send requests to {version}: bring it back or retire it",
            asks_operator=True,
        )
    return PassReturn(version, hosts, f"unloading {version} though it is not idle: {who}", True)


def _drain_deadline(s: Snapshot, waiting: Wait) -> Step:
    limits = (s.drain_deadline, s.swap_deadline if s.state is _S.OLD_VERSION_DRAINING else None)
    deadline = min((limit for limit in limits if limit), default=None)
    if deadline is None:
        return waiting
    if s.now < deadline:
        return replace(waiting, until=deadline)
    router_runs = s.routers_since is not None
    if router_runs and not _is_over(s, deadline):
        return replace(waiting, until=None)
    # Idle once, it was in time: a node that came back and is asked anew changes no policy.
    rolls_back = s.on_drain_timeout == "rollback" and not s.drained_at
    if rolls_back and router_runs and s.state is _S.OLD_VERSION_DRAINING:
        late = f"{s.from_version} was not idle in time: {waiting.reason}"
        return MoveTo(_S.ROLLING_BACK, late, failure=late)
    choices = "extend the drain, roll back, or have an administrator force the unload"
    if s.state is _S.ROLLING_BACK:
        choices = "extend the drain, roll forward, or have an administrator force the unload"
    late = f"{waiting.reason}; its time is over: {choices}"
    return Wait(late, asks_operator=True, moment=waiting.moment)


def _is_over(s: Snapshot, deadline: datetime) -> bool:
    """A policy acts only on what was seen after the deadline, and after outages of ours."""
    return s.now >= deadline and may_be_judged(s, deadline)


def _unload_old(s: Snapshot) -> Step:
    assert s.from_version is not None, "only a swap with an old version passes the return"
    return unload_step(s, s.from_version, s.source) or MoveTo(
        _S.COMPLETED,
        f"{s.to_version} serves alone{left_to_unload(s, s.from_version, s.source)}",
    )


def _roll_back(s: Snapshot) -> Step:
    if s.past_return:
        return _unload_new(s)
    if not (s.roll_forward and s.routed):
        return _before_return(s, _return(s))
    forward = roll_forward_step(s)
    if not isinstance(forward, Wait):
        return forward
    # Requests are served meanwhile by whichever version can: the way back goes on.
    back = _before_return(s, _return(s))
    return replace(
        back, reason=f"{back.reason} (asked to roll forward, which waits: {forward.reason})"
    )


def _return(s: Snapshot) -> Step:
    new, old = s.to_version, s.from_version
    back = {old: 100} if old else {}
    if s.routed and dict(s.weights) != back:
        # The way back must be as ready as the way forth was.
        step = return_step(s, old, s.source) if old else None
        if step is not None:
            return _though_forced(s, step) if isinstance(step, Wait) else step
        return Proceed(
            f"all traffic returns to {old}" if old else "no version serves",
            route=RouteChange(back, frozenset(back), gone=new, watch=new),
        )
    hosts = _hosts(s.target)
    if not s.routed:
        return PassReturn(new, hosts, f"{new} never had a request")
    if s.watching != new:
        return Proceed(
            f"asking every node whether {new} is idle",
            route=RouteChange(back, frozenset(back), gone=new, watch=new),
        )
    waiting = no_node(s) or not_applied(s) or not_proven(s, new)
    if waiting is None:
        return PassReturn(new, hosts, f"{new} is idle, proven on every node")
    return _force(s, new, hosts) or _drain_deadline(s, waiting)


def _though_forced(s: Snapshot, waiting: Wait) -> Wait:
    """Whoever forced it is told what it waits for all the same."""
    if not s.forced_by:
        return waiting
    return replace(waiting, reason=f"forced by {s.forced_by}, but {waiting.reason}")


def _unload_new(s: Snapshot) -> Step:
    end = _S.FAILED if s.failure else _S.ROLLED_BACK
    serves = f"{s.from_version} serves alone" if s.from_version else "no version serves"
    return unload_step(s, s.to_version, s.target) or MoveTo(
        end, f"{serves}{left_to_unload(s, s.to_version, s.target)}", failure=s.failure
    )
