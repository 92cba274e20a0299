"""The rows, and the only writer of them: every write names the generation that it read.

Applies what `swaps.domain.changes` says that steps and commands change, as the engine does, and
refuses what the engine's store refuses.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from swaps.domain.changes import (
    Changes,
    FromNow,
    of_move,
    of_proceed,
    of_return,
)
from swaps.domain.commands import ENTRIES, Accepted, Command, CommandDetails, Place
from swaps.domain.deadlines import apply_deadline, load_deadline
from swaps.domain.decisions import MoveTo, PassReturn, Proceed, RouteChange, Want
from swaps.domain.snapshot import HostView, NodeView, Snapshot
from swaps.domain.states import SwapState, require_transition
from tests.unit.domain.simulated.nodes import Node, Route

LOAD_TIMEOUT = timedelta(seconds=600)


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
    # What the snapshot's deadlines are counted from.
    state_entered_at: datetime | None = None
    reloading_since: datetime | None = None
    revision_at: datetime | None = None

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
            load_deadline=load_deadline(
                self.swap.state,
                state_entered_at=self.state_entered_at,
                reloading_since=self.reloading_since,
                timeout=LOAD_TIMEOUT,
            ),
            apply_deadline=apply_deadline(self.revision_at, timeout=self.swap.apply_timeout),
        )

    def write(self, read: int, **changes: object) -> None:
        if read != self.generation:
            raise Stale(f"generation {read}, now {self.generation}")
        self.generation += 1
        self.swap = replace(self.swap, **changes)  # type: ignore[arg-type]

    def apply(self, read: int, changes: Changes, now: datetime) -> None:
        """What the domain says is changed, with moments by this world's clock."""
        state = changes.get("state")
        if isinstance(state, SwapState) and read == self.generation:
            require_transition(self.swap.state, state)
        known = {name: self._moment(value, now) for name, value in changes.items()}
        self.write(read, **known)
        if "state" in changes:
            self.state_entered_at = now
        if "reloading" in changes:
            self.reloading_since = now if changes["reloading"] else None
        if "routed" in changes:
            self.revision_at = now

    def _moment(self, value: object, now: datetime) -> object:
        if not isinstance(value, FromNow):
            return value
        start = max(now, getattr(self.swap, value.or_from) or now) if value.or_from else now
        moment = start + value.after
        return max(moment, getattr(self.swap, value.not_before)) if value.not_before else moment

    # What the engine decides

    def move(self, read: int, step: MoveTo, decided: Snapshot, now: datetime) -> None:
        self.apply(read, of_move(decided, step), now)
        self._carry_out(step.route, step.want)

    def proceed(self, read: int, step: Proceed, decided: Snapshot, now: datetime) -> None:
        self.apply(read, of_proceed(decided, step), now)
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
        self.apply(read, of_return(decided, step), now)
        self._carry_out(None, Want(step.version, step.hosts, loaded=False))

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
        entry = ENTRIES[command]
        place = Place(
            swap.state,
            past_return=swap.past_return,
            step_index=swap.step_index,
            limited=swap.swap_deadline is not None,
        )
        answer = entry.check(place)
        if not isinstance(answer, Accepted) or answer.already:
            return
        asked = CommandDetails("ada", {"full": full, "seconds": 60})
        self.apply(self.generation, entry.change(place, asked), now)
