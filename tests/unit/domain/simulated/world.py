"""The engine's turn in the simulated world, and all that may happen to it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis.vendor.pretty import RepresentationPrinter

from swaps.domain.commands import Command
from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn, Proceed, Step, Wait, Want
from swaps.domain.next_step import next_step
from swaps.domain.snapshot import Snapshot
from swaps.domain.states import END_STATES
from tests.unit.domain.simulated.hosts import Host, Unreachable
from tests.unit.domain.simulated.nodes import Node
from tests.unit.domain.simulated.rows import Placement, Rows, Stale
from tests.unit.domain.simulated.rules import (
    check_decision,
    check_rows,
    check_the_other_answers,
    check_unload,
)

# More steps than any swap has to take at one moment.
RESTLESS = 80


@dataclass
class Decision:
    read: int
    snapshot: Snapshot
    step: Step
    read_fences: dict[str, int]


@dataclass(repr=False)
class World:
    now: datetime
    rows: Rows
    hosts: dict[str, Host]
    held: list[Decision] = field(default_factory=list)
    named: int = 0

    def __repr__(self) -> str:
        """What differs between worlds, short enough to read in a failing example."""
        swap = self.rows.swap
        return (
            f"<{swap.from_version} {self.rows.source_hosts} → {self.rows.target_hosts}, "
            f"{len(self.rows.nodes)} nodes, {swap.steps}, min ready {swap.min_ready_hosts}, "
            f"on drain timeout {swap.on_drain_timeout}, keep warm {swap.keep_warm}, "
            f"limit {swap.swap_timeout}, queued {swap.queued_behind!r}, "
            f"unapproved {swap.unapproved!r}>"
        )

    def _repr_pretty_(self, printer: RepresentationPrinter, cycle: bool) -> None:
        printer.text(repr(self))

    @property
    def over(self) -> bool:
        return self.rows.swap.state in END_STATES

    # The engine

    def decide(self) -> Decision:
        self.now += timedelta(milliseconds=1)
        snapshot = self.rows.observe(self.now)
        step = next_step(snapshot)
        check_decision(snapshot, step)
        read_fences = {}
        if isinstance(step, CallHosts):
            read_fences = {host: self._placement(step.version, host).fence for host in step.hosts}
        return Decision(self.rows.generation, snapshot, step, read_fences)

    def do(self, decision: Decision, *, killed: bool = False) -> None:
        """`killed`: right after the commit, before the call that follows it. Raises Stale."""
        self.now += timedelta(milliseconds=1)
        follows: CallHosts | None = None
        match decision.step:
            case MoveTo(want=Want(version, hosts, loaded=True)) as step:
                self.rows.move(decision.read, step, decision.snapshot, self.now)
                follows = CallHosts(Call.LOAD, version, hosts, step.reason)
            case MoveTo() as step:
                self.rows.move(decision.read, step, decision.snapshot, self.now)
            case Proceed() as step:
                self.rows.proceed(decision.read, step, decision.snapshot, self.now)
            case PassReturn() as step:
                self.rows.pass_return(decision.read, step, decision.snapshot, self.now)
                check_unload(step, decision.snapshot, self.rows)
                check_the_other_answers(step, decision.snapshot, self.hosts)
                follows = CallHosts(Call.UNLOAD, step.version, step.hosts, step.reason)
            case CallHosts() as step:
                for host in step.hosts:
                    self.call(step.call, step.version, host, decision.read_fences[host])
            case Wait():
                pass
        if follows is not None and not killed:
            for host in follows.hosts:
                fence = self._placement(follows.version, host).fence
                self.call(follows.call, follows.version, host, fence)
        check_rows(self.rows)

    def settle(self) -> Wait | None:
        """Work until there is nothing to do now. None when the swap is over."""
        for _ in range(RESTLESS):
            if self.over:
                return None
            decision = self.decide()
            if isinstance(decision.step, Wait):
                return decision.step
            self.do(decision)
        raise AssertionError(f"no rest: {decision.step}")

    def call(self, call: Call, version: str, host: str, fence: int) -> None:
        """Under the placement's lock: the intent is checked again before the call."""
        row, real = self._placement(version, host), self.hosts[host]
        wanted = {Call.LOAD: True, Call.ANSWER: True, Call.UNLOAD: False}.get(call, row.wanted)
        if row.fence != fence or row.wanted is not wanted:
            return
        row.load_called |= call is Call.LOAD
        try:
            match call:
                case Call.LOOK:
                    row.status = real.say(version, self.now)
                case Call.LOAD:
                    real.load(version, self.now)
                    row.status = real.status(version, self.now)
                case Call.ANSWER:
                    row.status = real.answer(version, self.now)
                    row.answered_boot = real.boot if row.status == "ready" else row.answered_boot
                case Call.UNLOAD:
                    row.status = real.unload(version, self.now)
                    row.answered_boot = 0
            row.boot, row.silent_since = real.boot, None
        except Unreachable:
            row.status = "unknown"
            row.silent_since = row.silent_since or self.now
        row.seen_at = self.now

    def _placement(self, version: str, host: str) -> Placement:
        return self.rows.placements.get((version, host), Placement(wanted=False))

    # Workers that are slow, doubled or late

    def work(self, steps: int) -> None:
        for _ in range(steps):
            if not self.over:
                self.do(self.decide())

    def hold_a_decision(self) -> None:
        if not self.over:
            self.held.append(self.decide())

    def do_what_was_held(self) -> None:
        """Workers that were stopped wake: what they decided is refused unless nothing changed."""
        for decision in self.held:
            was, late = self.rows.generation, decision.read != self.rows.generation
            try:
                self.do(decision, killed=True)
            except Stale:
                continue
            assert not late or self.rows.generation == was, "an outdated decision was written"
        self.held = []

    def work_twice(self) -> None:
        if self.over:
            return
        decision = self.decide()
        self.do(decision)
        was = self.rows.generation
        try:
            self.do(decision)
        except Stale:
            return
        assert self.rows.generation == was, "one decision was written twice"

    # Time, the router and the reconciler

    def pass_time(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def hear(self) -> None:
        self.now += timedelta(milliseconds=1)
        if self.rows.routers_since is None:
            return
        serving = dict.fromkeys((version for version, _ in self.rows.placements), 0)
        for version, host in self.rows.placements:
            serving[version] += self.hosts[host].serves(version, self.now)
        for node in self.rows.nodes:
            node.hear(self.rows.route, serving, self.now)

    def reconcile(self) -> None:
        """Looks at every placement; what nobody wants any more is unloaded, once it is over."""
        self.now += timedelta(milliseconds=1)
        for (version, host), row in list(self.rows.placements.items()):
            settled = row.status in {"available", "absent", "failed"}
            cleanup = self.over and not row.wanted and not settled
            self.call(Call.UNLOAD if cleanup else Call.LOOK, version, host, row.fence)

    def ask(self, command: Command, *, full: bool = False) -> None:
        self.now += timedelta(milliseconds=1)
        self.rows.ask(command, full=full, now=self.now)

    def release_from_queue(self) -> None:
        self.rows.write(self.rows.generation, queued_behind="")

    def approve(self) -> None:
        self.rows.write(self.rows.generation, unapproved="")

    # Nodes

    def _node(self, index: int) -> Node | None:
        return self.rows.nodes[index % len(self.rows.nodes)] if self.rows.nodes else None

    def at_node(self, index: int, happens: Callable[[Node], object]) -> None:
        node = self._node(index)
        if node is not None:
            happens(node)

    def routers_stop(self) -> None:
        """Nodes serve on, by the routes they have; their rows stay as they are."""
        self.rows.routers_since = None

    def routers_start(self) -> None:
        """Each stream that was is over; a node that lives comes back by a new one."""
        if self.rows.routers_since is None:
            self.rows.routers_since = self.now
            for node in self.rows.nodes:
                node.leave()
                node.come_back(self.now)

    def node_joins(self) -> None:
        if self.rows.routers_since is not None:
            self.named += 1
            self._connect(Node(f"joined-{self.named}", seen_at=self.now))

    def _connect(self, node: Node) -> None:
        node.reachable_since = self.now
        self.rows.nodes.append(node)

    def nodes_come_back(self) -> None:
        if self.rows.routers_since is None:
            return
        for node in self.rows.nodes:
            if not node.connected:
                node.come_back(self.now)

    def node_restarts(self, index: int, *, reaped: bool) -> None:
        """A new incarnation. Unless its end was reported, the old one may still send."""
        node = self._node(index)
        if node is None:
            return
        node.leave()
        node.gone = True
        if reaped:
            self.rows.nodes.remove(node)
        if self.rows.routers_since is not None:
            self._connect(replace(Node(node.name, seen_at=self.now), refuses=node.refuses))

    def node_retired(self, index: int) -> None:
        node = self._node(index)
        if node is not None and not node.connected:
            self.rows.nodes.remove(node)

    def long_request(self, index: int, version: str) -> None:
        node = self._node(index)
        if node is not None and node.route.names(version):
            node.busy.add(version)
