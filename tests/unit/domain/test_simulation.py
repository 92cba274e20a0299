"""Whatever happens, in whatever order: the rules hold, and every swap ends or asks in words."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from swaps.domain.commands import Command
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import SwapState
from swaps.domain.strategies import all_at_once, canary, linear, parse_strategy
from tests.unit.domain.builders import NEW, NOW, OLD
from tests.unit.domain.simulated.hosts import Host
from tests.unit.domain.simulated.nodes import Node, Route
from tests.unit.domain.simulated.rows import Placement, Rows
from tests.unit.domain.simulated.rules import check_end
from tests.unit.domain.simulated.world import World

HOUR = timedelta(hours=1)
STRATEGIES = [
    all_at_once(),
    canary(timedelta(seconds=5)),
    linear(50, timedelta(seconds=60)),
    parse_strategy({"steps": [{"setWeight": 10}, {"pause": {}}, {"setWeight": 60}]}),
]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    old = draw(st.sampled_from([OLD, OLD, OLD, None]))
    source = draw(st.sampled_from([("a",), ("a", "b")])) if old else ()
    target = draw(st.sampled_from([("a",), ("b",), ("a", "b"), ("c", "d")]))
    hosts = {
        name: Host(name, loaded={old: NOW} if old and name in source else {}) for name in "abcd"
    }
    serving = frozenset({old} if old else ())
    route = Route(7, {old: 100} if old else {}, serving)
    nodes = [
        Node(f"node-{number}", NOW, route=route, applied_revision=7, reachable_since=NOW)
        for number in range(draw(st.integers(1, 3)))
    ]
    seen = Placement(status="ready", load_called=True, boot=1, answered_boot=1, seen_at=NOW)
    swap = Snapshot(
        now=NOW,
        state=SwapState.NOT_STARTED,
        from_version=old,
        to_version=NEW,
        steps=draw(st.sampled_from(STRATEGIES)).steps,
        min_ready_hosts=draw(st.sampled_from([None, None, 1])),
        on_drain_timeout=draw(st.sampled_from(["wait", "rollback", "force"])),
        keep_warm=timedelta(seconds=draw(st.sampled_from([0, 0, 20]))),
        swap_timeout=draw(st.sampled_from([None, None, timedelta(seconds=300)])),
        queued_behind=draw(st.sampled_from(["", "", "", "behind another swap"])),
        unapproved=draw(st.sampled_from(["", "", "", "waits for approval"])),
    )
    placements = {(old, host): seen for host in source} if old else {}
    placements = {key: Placement(**vars(row)) for key, row in placements.items()}
    rows = Rows(swap, route, source, target, placements, nodes, routers_since=NOW)
    return World(NOW, rows, hosts)


# What may happen. Each has a name, so that a failing history can be read.
def _set(**how: Any) -> Callable[[Any], None]:
    def set_(thing: Any) -> None:
        for name, value in how.items():
            setattr(thing, name, value)

    return set_


AT_HOSTS: dict[str, Callable[[Host], None]] = {
    "goes silent": _set(reachable=False),
    "answers again": _set(reachable=True),
    "restarts empty": lambda host: host.restart(empty=True),
    "restarts loaded": lambda host: host.restart(empty=False),
    "cannot load": _set(load_fails=True),
    "can load": _set(load_fails=False),
    "loads slowly": _set(load_time=HOUR),
    "answers wrongly": _set(answers=False),
    "answers rightly": _set(answers=True),
    "ignores unloads": _set(unloads=False),
}
AT_NODES: dict[str, Callable[[Node], None]] = {
    "goes away": Node.leave,
    "acks nothing": _set(deaf=True),
    "acks again": _set(deaf=False),
    "refuses": _set(refuses=True),
    "accepts": _set(refuses=False),
    "loses the hosts": _set(reaches=False),
    "finds the hosts": _set(reaches=True),
    "ends its requests": lambda node: node.busy.clear(),
}
ENGINE: dict[str, Callable[[World], object]] = {
    "works a step": lambda world: world.work(1),
    "works three steps": lambda world: world.work(3),
    "works on": World.settle,
    "works twice": World.work_twice,
    "is stopped in a decision": World.hold_a_decision,
    "wakes late, and is killed": World.do_what_was_held,
    "routers hear": World.hear,
    "reconciler looks": World.reconcile,
    "a node joins": World.node_joins,
    "nodes come back": World.nodes_come_back,
    "routers stop": World.routers_stop,
    "routers start": World.routers_start,
    "its turn comes": World.release_from_queue,
    "somebody approves": World.approve,
}
FAST_FORWARD = ("all goes well for a while",)

happenings = st.one_of(
    st.just(FAST_FORWARD),
    st.tuples(st.just("engine"), st.sampled_from(["works a step", "works three steps"])),
    st.tuples(st.just("engine"), st.sampled_from(sorted(ENGINE))),
    st.tuples(st.just("engine"), st.sampled_from(["works on", "routers hear", "works twice"])),
    st.tuples(st.just("time"), st.sampled_from([0.1, 1, 7, 31, 70, 700])),
    st.tuples(st.just("host"), st.sampled_from("aabbcd"), st.sampled_from(sorted(AT_HOSTS))),
    st.tuples(
        st.just("host"),
        st.sampled_from("ab"),
        st.sampled_from(["goes silent", "restarts empty", "restarts loaded", "cannot load"]),
    ),
    st.tuples(st.just("node"), st.integers(0, 2), st.sampled_from(sorted(AT_NODES))),
    st.tuples(st.just("node restarts"), st.integers(0, 2), st.booleans()),
    st.tuples(st.just("node retired"), st.integers(0, 2)),
    st.tuples(st.just("long request"), st.integers(0, 2), st.sampled_from([OLD, NEW])),
    st.tuples(st.just("ask"), st.sampled_from(sorted(Command)), st.booleans()),
)


def happen(world: World, happening: tuple[Any, ...]) -> None:
    match happening:
        case ("engine", what):
            ENGINE[what](world)
        case ("time", seconds):
            world.pass_time(seconds)
        case ("host", name, what):
            AT_HOSTS[what](world.hosts[name])
        case ("node", index, what):
            world.at_node(index, AT_NODES[what])
        case ("node restarts", index, reaped):
            world.node_restarts(index, reaped=reaped)
        case ("node retired", index):
            world.node_retired(index)
        case ("long request", index, version):
            world.long_request(index, version)
        case ("ask", command, full):
            world.ask(Command(command), full=full)
        case ("all goes well for a while",):
            for _ in range(5):
                world.settle()
                world.hear()
                world.pass_time(0.3)


# Faults that may last for ever: then the swap has to end all the same, or ask.
LASTING = (
    "hosts are silent",
    "hosts cannot load",
    "hosts answer wrongly",
    "hosts ignore unloads",
    "loads take hours",
    "nodes are away",
    "nodes ack nothing",
    "nodes refuse",
    "nodes lose the hosts",
    "no router runs",
    "requests never end",
)


def faults_stop(world: World, lasting: set[str]) -> None:
    for host in world.hosts.values():
        host.reachable |= "hosts are silent" not in lasting
        host.load_fails &= "hosts cannot load" in lasting
        host.answers |= "hosts answer wrongly" not in lasting
        host.unloads |= "hosts ignore unloads" not in lasting
        if "loads take hours" not in lasting:
            host.load_time = timedelta(milliseconds=200)
            host.finish_loads(world.now)
    for node in world.rows.nodes:
        node.deaf &= "nodes ack nothing" in lasting
        node.refuses &= "nodes refuse" in lasting
        node.reaches |= "nodes lose the hosts" not in lasting
        if "requests never end" not in lasting:
            node.busy.clear()
    if "no router runs" in lasting:
        world.routers_stop()
    else:
        world.routers_start()
    if "nodes are away" not in lasting:
        world.nodes_come_back()
    world.release_from_queue()


def time_goes_by(world: World, rounds: int = 150) -> str:
    """Nobody touches anything any more. Returns the sentence the operator is left with."""
    asked = ""
    for number in range(rounds):
        world.hear()
        wait = world.settle()
        if wait is None:
            return ""
        # Between two tries it may be at it again: it has asked all the same.
        asked = wait.reason if wait.asks_operator else asked if wait.until else ""
        world.reconcile()
        # At first in small steps, as workers do; later a sweep that comes seldom.
        world.pass_time(0.1 if number < 20 else 10)
    assert asked, f"{world.rows.swap.state} for ever, and nobody is asked: {wait}"
    return asked


def _requests_that_do_not_end(world: World) -> None:
    world.long_request(0, OLD)
    world.long_request(1, NEW)


def _at(hosts: tuple[str, ...], world: World, *happens: str) -> None:
    for name in hosts:
        for what in happens:
            AT_HOSTS[what](world.hosts[name])


def _all_restart_empty(world: World, *, times: int) -> None:
    """The whole stack, in order; again once all is as it was."""
    if world.rows.swap.reloads < times and not world.rows.swap.reloading:
        _at(tuple(world.hosts), world, "restarts empty")
        world.reconcile()


# What may come between once traffic moves: chance alone finds these too seldom.
HITCHES: dict[str, Callable[[World], None]] = {
    "none": lambda world: None,
    "requests do not end": _requests_that_do_not_end,
    "the old version vanishes": lambda world: _at(
        world.rows.source_hosts, world, "restarts empty", "cannot load"
    ),
    "the new version vanishes": lambda world: _at(world.rows.target_hosts, world, "restarts empty"),
    "all hosts restart empty, once": lambda world: _all_restart_empty(world, times=1),
    "all hosts restart empty, often": lambda world: _all_restart_empty(world, times=100),
    "a host of the new version goes silent": lambda world: _at(
        world.rows.target_hosts[:1], world, "goes silent"
    ),
    "the new version's hosts go silent": lambda world: _at(
        world.rows.target_hosts, world, "goes silent"
    ),
    "the old version's hosts go silent": lambda world: _at(
        world.rows.source_hosts, world, "goes silent"
    ),
}


def reach(world: World, state: SwapState, hitch: str) -> None:
    """All goes well until the swap is there, but for one hitch."""
    if state is not SwapState.NOT_STARTED:
        world.release_from_queue()
        world.approve()
    for _ in range(200):
        if world.rows.swap.state in {state, SwapState.COMPLETED}:
            return
        if world.rows.swap.state is SwapState.TRANSITIONING:
            HITCHES[hitch](world)
            going_back = state is SwapState.ROLLING_BACK
            world.ask(Command.ROLLBACK if going_back else Command.PROMOTE)
        world.work(1)
        world.hear()
        world.pass_time(0.1)


REACHED = (
    SwapState.NOT_STARTED,
    SwapState.LOADING_NEW_VERSION,
    SwapState.TRANSITIONING,
    SwapState.OLD_VERSION_DRAINING,
    SwapState.ROLLING_BACK,
)


@given(
    worlds(),
    st.sampled_from(REACHED),
    st.sampled_from(sorted(HITCHES)),
    st.lists(happenings, max_size=40),
    st.sets(st.sampled_from(LASTING), max_size=3),
)
def test_every_swap_ends_or_asks_the_operator_in_words(
    world: World,
    start: SwapState,
    hitch: str,
    history: list[tuple[Any, ...]],
    lasting: set[str],
) -> None:
    reach(world, start, hitch)
    for happening in history:
        happen(world, happening)
    faults_stop(world, lasting)
    time_goes_by(world)
    if world.over:
        check_end(world.rows)


@given(worlds())
def test_hosts_that_restart_empty_once_in_a_transition_change_nothing_about_its_end(
    world: World,
) -> None:
    world.rows.write(world.rows.generation, swap_timeout=None, on_drain_timeout="wait")
    world.rows.write(world.rows.generation, promoted_steps=100)
    reach(world, SwapState.TRANSITIONING, "none")
    assert world.rows.swap.state is SwapState.TRANSITIONING
    _all_restart_empty(world, times=1)
    faults_stop(world, lasting=set())
    time_goes_by(world)
    assert (world.rows.swap.state, world.rows.swap.reloads) == (SwapState.COMPLETED, 1)
