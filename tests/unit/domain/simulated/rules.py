"""What must hold at every step of every history."""

from collections.abc import Mapping
from datetime import timedelta

from swaps.domain.decisions import MoveTo, PassReturn, Proceed, RouteChange, Step, Wait, Want
from swaps.domain.reloading import MOST_RELOADS
from swaps.domain.snapshot import HostView, Snapshot
from swaps.domain.states import END_STATES, SwapState
from tests.unit.domain.simulated.hosts import Host
from tests.unit.domain.simulated.rows import Rows

_S = SwapState
NOW_MEANS = timedelta(seconds=5)
_ONWARD = {_S.OLD_VERSION_DRAINING, _S.COMPLETED}


def check_decision(s: Snapshot, step: Step) -> None:
    assert step.reason, "every step carries a sentence"
    if isinstance(step, Wait):
        assert step.until is None or step.until >= s.now, f"a busy loop: {step}"
    if s.state is _S.NOT_STARTED and s.unapproved:
        assert isinstance(step, Wait) or step.state in END_STATES, "begun without an approval"
    if isinstance(step, MoveTo) and step.state in _ONWARD and not s.past_return:
        assert _applied(s) or step.route, "all traffic is on new, but not everywhere"
    if isinstance(step, MoveTo | Proceed):
        if step.route is not None:
            _check_route(s, step.route)
        if step.want is not None:
            _check_want(s, step.want)


def _check_route(s: Snapshot, route: RouteChange) -> None:
    if route.weights:
        assert sum(route.weights.values()) == 100
    else:
        assert s.from_version is None, "only an activation taken back leaves nobody serving"
    assert all(0 < percent <= 100 for percent in route.weights.values())
    assert route.weights.keys() <= route.pinned <= {s.from_version, s.to_version}
    assert route.watch is None or route.watch not in route.pinned
    if s.state is _S.TRANSITIONING and s.from_version in route.weights:
        assert route.watch is None, "a version on its way is not drained"
        assert s.to_version in route.pinned, "a version on its way keeps its path"
    for version, percent in route.weights.items():
        if percent > s.weights.get(version, 0):
            _check_fit(s, version)


def _check_fit(s: Snapshot, version: str) -> None:
    views = s.target if version == s.to_version else s.source
    fresh = [view for view in views if view.ready and _seen_in_this_step(s, view)]
    assert fresh, f"a weight for {version}, which no host was seen ready with"
    assert all(view.wanted for view in fresh), f"a weight for {version}, which is given up"
    live = [node for node in s.nodes if node.connected]
    assert live, "a weight with no live node"
    assert all(node.members.get(version) for node in live), f"a weight for {version}, cold"
    # The way back of those whose new version went with its hosts, for as long as that takes.
    lost = s.state is _S.TRANSITIONING and s.reloading and version == s.from_version
    if s.state is not _S.ROLLING_BACK and not lost:
        assert _applied(s) or s.state is _S.LOADING_NEW_VERSION, "one weight overtook another"
        assert len(fresh) >= s.hosts_needed
        members = [node.members[version] for node in live]
        assert min(members) >= s.hosts_needed, f"a weight for {version}, on fewer than asked for"
        assert len(live) == len(s.nodes), "a new weight past a node that is away"


def _applied(s: Snapshot) -> bool:
    return bool(s.nodes) and all(node.applied_revision == s.revision for node in s.nodes)


def _seen_in_this_step(s: Snapshot, view: HostView) -> bool:
    assert s.step_entered_at is not None, "a swap that moves traffic has entered a step"
    return view.seen_at is not None and view.seen_at >= s.step_entered_at


def _check_want(s: Snapshot, want: Want) -> None:
    if not want.loaded:
        assert want.version == s.to_version, "the old version goes by the point of no return only"
        assert not s.routed, "a version that may have had requests needs its proof"


def check_unload(step: PassReturn, decided: Snapshot, rows: Rows) -> None:
    """The point of no return was committed: nobody sends requests to that version any more."""
    assert not rows.route.names(step.version)
    if not decided.routed:
        assert step.version == decided.to_version
        return
    assert rows.nodes, "with no node nothing is drained"
    if step.forced:
        assert decided.forced_by or decided.on_drain_timeout == "force", "forced by nobody"
        assert all(node.connected for node in rows.nodes), "force covered an unknown node"
        sends_new = [node.name for node in rows.nodes if node.route.names(step.version)]
        assert not sends_new, f"{sends_new} still routes to {step.version}"
        return
    sends = [node.name for node in rows.nodes if node.may_send(step.version)]
    assert not sends, f"{sends} may still send to {step.version}"


def check_the_other_answers(step: PassReturn, decided: Snapshot, hosts: Mapping[str, Host]) -> None:
    """No version is unloaded unless the other one was seen to answer since it was proven idle,
    and is reached by every node that is here.
    """
    back = step.version == decided.to_version
    stays = decided.from_version if back else decided.to_version
    if stays is None or not decided.routed:
        return
    views = decided.source if back else decided.target
    answers = [hosts[view.host].answered_ready.get(stays) for view in views]
    asked_for = [node.proven_at for node in decided.nodes if node.proven_at]
    since = max([*asked_for, decided.now - NOW_MEANS])
    assert any(moment and moment >= since for moment in answers), (
        f"{step.version} goes, and {stays} has not answered since {since}"
    )
    live = [node for node in decided.nodes if node.connected]
    assert live, f"{step.version} goes, and nobody knows whether Envoys reach {stays}"
    assert all(node.members.get(stays) for node in live), f"{stays} is out of reach, and goes alone"


def check_rows(rows: Rows) -> None:
    assert rows.swap.reloads <= MOST_RELOADS, "hosts that restart again and again end a swap"
    assert not rows.swap.reloading or rows.swap.state is _S.TRANSITIONING
    unwanted = {version for (version, _), row in rows.placements.items() if not row.wanted}
    serving = {version for version in rows.route.weights if version in unwanted}
    assert not serving, f"{serving} holds weight and is given up"


def check_end(rows: Rows) -> None:
    """Who serves at the end is as the design's table says."""
    swap = rows.swap
    old, new = swap.from_version, swap.to_version
    wanted = {key for key, row in rows.placements.items() if row.wanted}
    if swap.state is _S.COMPLETED:
        assert rows.route.weights == {new: 100}
        assert {(new, host) for host in rows.target_hosts} <= wanted
        assert not {version for version, _ in wanted} - {new}
    else:
        assert rows.route.weights == ({old: 100} if old else {})
        assert {(old, host) for host in rows.source_hosts if old} == wanted
    assert bool(swap.failure) <= (swap.state is _S.FAILED)
