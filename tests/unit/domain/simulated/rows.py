"""The rows, and the only writer of them: every write names the generation that it read.

Applies steps with the meaning that `swaps.domain.decisions` gives them, as the engine's store
does, and refuses what the engine's store refuses.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from swaps.domain.commands import Accepted, Command, check_command
from swaps.domain.decisions import MoveTo, PassReturn, Proceed, RouteChange, Want
from swaps.domain.snapshot import HostView, NodeView, Snapshot
from swaps.domain.states import TRANSITIONS, SwapState
from tests.unit.domain.simulated.nodes import Node, Route

LOAD_TIMEOUT = timedelta(seconds=600)
APPLY_TIMEOUT = DRAIN_TIMEOUT = timedelta(seconds=30)


class Stale(Exception):
    """Somebody wrote first, or route and nodes are not as decided on."""


@dataclass
class Placement:
    wanted: bool = True
    fence: int = 0
    status: str = "unknown"
    load_called: bool = False
    boot: int = 0
    answered_boot: int = 0
    seen_at: datetime | None = None
    silent_since: datetime | None = None

    def view(self, host: str) -> HostView:
        return HostView(
            host=host,
            wanted=self.wanted,
            status=self.status,
            load_called=self.load_called,
            answered=self.answered_boot == self.boot > 0,
            restarted=0 < self.answered_boot != self.boot,
            seen_at=self.seen_at,
            silent_since=self.silent_since,
        )


@dataclass
class Rows:
    # The swap's own columns are a snapshot without what other rows hold.
    swap: Snapshot
    route: Route
    source_hosts: tuple[str, ...]
    target_hosts: tuple[str, ...]
    placements: dict[tuple[str, str], Placement]
    nodes: list[Node] = field(default_factory=list)
    generation: int = 0
    routers_since: datetime | None = None  # None: no router process runs

    def views_of_nodes(self) -> tuple[NodeView, ...]:
        routers = self.routers_since is not None
        return tuple(node.view(self.route, routers=routers) for node in self.nodes)

    def observe(self, now: datetime) -> Snapshot:
        def views(version: str | None, hosts: tuple[str, ...]) -> tuple[HostView, ...]:
            return tuple(
                self.placements.get((version or "", host), Placement(wanted=False)).view(host)
                for host in hosts
            )

        return replace(
            self.swap,
            now=now,
            source=views(self.swap.from_version, self.source_hosts),
            target=views(self.swap.to_version, self.target_hosts),
            nodes=self.views_of_nodes(),
            routers_since=self.routers_since,
            revision=self.route.revision,
            weights=self.route.weights,
            pinned=self.route.pinned,
            watching=self.route.watching,
        )

    def write(self, read: int, **changes: object) -> None:
        if read != self.generation:
            raise Stale(f"generation {read}, now {self.generation}")
        self.generation += 1
        self.swap = replace(self.swap, **changes)  # type: ignore[arg-type]

    # What the engine decides

    def move(self, read: int, step: MoveTo, now: datetime) -> None:
        before = self.swap.state
        changes: dict[str, object] = {"state": step.state, "step_entered_at": now}
        match step.state:
            case SwapState.LOADING_NEW_VERSION:
                changes["load_deadline"] = now + LOAD_TIMEOUT
            case SwapState.TRANSITIONING:
                changes["load_deadline"] = None
            case SwapState.OLD_VERSION_DRAINING:
                changes["drain_deadline"] = now + DRAIN_TIMEOUT
                if before is SwapState.ROLLING_BACK:
                    changes |= {"swap_deadline": None, "failure": ""} | _OTHER_DIRECTION
            case SwapState.ROLLING_BACK:
                changes |= {
                    "load_deadline": None,
                    "reloading": False,
                    "failure": step.failure,
                } | _OTHER_DIRECTION
        if step.step_index is not None:
            changes["step_index"] = step.step_index
        self.write(read, **(changes | self._route_changes(step.route, now)))
        assert step.state in TRANSITIONS[before], f"{before} → {step.state} is no transition"
        self._carry_out(step.route, step.want)

    def proceed(self, read: int, step: Proceed, now: datetime) -> None:
        changes: dict[str, object] = {"step_entered_at": now}
        if step.step_index is not None:
            changes["step_index"] = step.step_index
        if step.drained:
            changes["drained_at"] = now
        if step.reload is not None:
            changes["reloading"] = step.reload
            changes["reloads"] = self.swap.reloads + step.reload
            changes["load_deadline"] = now + LOAD_TIMEOUT if step.reload else None
        self.write(read, **(changes | self._route_changes(step.route, now)))
        self._carry_out(step.route, step.want)

    def pass_return(self, read: int, step: PassReturn, decided: Snapshot, now: datetime) -> None:
        views = self.views_of_nodes()
        if read == self.generation and self.swap.routed:
            if self.route.revision != decided.revision or not views:
                raise Stale("the route is another, or there is no node")
            if not step.forced and not all(view.proven for view in views):
                raise Stale("a node without a proof appeared")
            if step.forced and not all(view.connected for view in views):
                raise Stale("a node went away")
        # The call follows this commit.
        self.write(
            read, past_return=True, drained_at=now, step_entered_at=now, unload_called_at=now
        )
        self._carry_out(None, Want(step.version, step.hosts, loaded=False))

    def _route_changes(self, route: RouteChange | None, now: datetime) -> dict[str, object]:
        if route is None:
            return {}
        watched = {"drain_deadline": now + DRAIN_TIMEOUT} if route.watch else {}
        return {"routed": True, "apply_deadline": now + APPLY_TIMEOUT, **watched}

    def _carry_out(self, route: RouteChange | None, want: Want | None) -> None:
        for host in want.hosts if want else ():
            assert want is not None, "there are hosts only with a want"
            row = self.placements.setdefault((want.version, host), Placement())
            # What was seen of a load belongs to an earlier intent; a loaded version stays one.
            fresh = Placement(wanted=True) if want.loaded else replace(row, wanted=False)
            fresh.fence, fresh.load_called = row.fence + 1, False
            self.placements[want.version, host] = fresh
        if route is not None:
            self.route = Route(self.route.revision + 1, route.weights, route.pinned, route.watch)

    # What people ask for

    def ask(self, command: Command, *, full: bool, now: datetime) -> None:
        swap = self.swap
        answer = check_command(command, swap.state, past_return=swap.past_return)
        if not isinstance(answer, Accepted) or answer.already:
            return
        self.write(self.generation, **_flags(command, swap, full=full, now=now))


# Void once the swap turns round: see swaps.domain.decisions.MoveTo.
_OTHER_DIRECTION: dict[str, object] = {
    "abort": "",
    "roll_forward": False,
    "forced_by": "",
    "bake_ended": False,
    "drained_at": None,
}


def _flags(command: Command, swap: Snapshot, *, full: bool, now: datetime) -> dict[str, object]:
    match command:
        case Command.CANCEL | Command.ROLLBACK:
            return {"abort": str(command)}
        case Command.PAUSE | Command.RESUME:
            return {"paused": command is Command.PAUSE}
        case Command.PROMOTE if swap.state is SwapState.OLD_VERSION_DRAINING:
            return {"bake_ended": True}
        case Command.PROMOTE:
            passed = {"promoted_full": True} if full else {"promoted_steps": swap.step_index + 1}
            return passed | {"paused": False}
        case Command.EXTEND_DRAIN:
            return {"drain_deadline": now + DRAIN_TIMEOUT * 2}
        case Command.FORCE_UNLOAD:
            return {"forced_by": "ada"}
        case Command.ROLL_FORWARD:
            return {"roll_forward": True}
