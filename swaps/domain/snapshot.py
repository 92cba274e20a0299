"""What the decision sees: one swap and all that bears on it, read at one moment.

Plain values. `now` is the database's clock. What nobody reported is unknown, and no field
here turns unknown into zero.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from swaps.domain.states import SwapState
from swaps.domain.steps import StrategyStep

LOADED_STATUSES = frozenset({"loading", "ready", "unloading", "unknown"})
UNLOADED_STATUSES = frozenset({"absent", "available", "failed"})


@dataclass(frozen=True, slots=True)
class HostView:
    """One version on one host, as its placement row says."""

    host: str
    wanted: bool  # the placement's intent is "loaded"
    status: str  # the adapter contract's words, see swaps.models.hosts.Observed
    reason: str = ""
    load_called: bool = False
    called_at: datetime | None = None
    # A real inference came back from this very version, in this boot of the host.
    answered: bool = False
    # An inference came back from it, but in an earlier boot of the host.
    restarted: bool = False
    seen_at: datetime | None = None
    # Of a host that does not answer: its first unanswered look in a row.
    silent_since: datetime | None = None
    # The host loads as many versions as it may: ours has to wait.
    load_slot_free: bool = True
    # It came back without a version that holds weight, which it gets first.
    lacks_what_serves: bool = False
    # It has heard of this intent: until then it would obey a late unload of an earlier one.
    told: bool = True
    # It went down with this load as often as it may: the load is not tried again by itself.
    tried_in_vain: bool = False
    # While it loads, what else it serves may stall.
    load_disturbs: bool = False
    # Not wanted, and not ours to unload: others had loaded it before the swap.
    left_alone: bool = False

    @property
    def ready(self) -> bool:
        return self.status == "ready" and self.answered

    @property
    def unloaded(self) -> bool:
        return self.status in UNLOADED_STATUSES


@dataclass(frozen=True, slots=True)
class NodeView:
    """One router node that serves, or may still serve, traffic."""

    name: str
    connected: bool
    seen_at: datetime
    applied_revision: int  # newest revision of this model's route that it ACKed; 0: none
    nack: str | None = None  # why it refused the present revision
    # Since when it can be told of revisions without a break, and can tell what it does.
    reachable_since: datetime | None = None
    # Healthy members by version, as its own gauges show them; a version it says nothing of is
    # left out. And since when it shows none.
    members: Mapping[str, int] = field(default_factory=dict)
    none_since: Mapping[str, datetime] = field(default_factory=dict)
    proven_at: datetime | None = None  # its answer to the present drain watch
    # Pushed with the present revision's clusters: what it refused, in Envoy's words.
    cluster_nack: str = ""

    @property
    def proven(self) -> bool:
        return self.proven_at is not None

    def healthy(self, version: str) -> int:
        """Members it reaches, as far as is known: what a node that is away showed was before."""
        return self.members.get(version, 0) if self.connected else 0


# What a swap waits for behind another of its model.
QUEUED = "waits in the model's queue for its turn"


@dataclass(frozen=True, slots=True)
class Snapshot:
    now: datetime
    state: SwapState
    from_version: str | None
    to_version: str
    source: tuple[HostView, ...] = ()  # the old version, where it is
    target: tuple[HostView, ...] = ()  # the new version, where it shall be
    nodes: tuple[NodeView, ...] = ()
    # Since when a router process has served without a break; None: none does, so that nodes can
    # neither hear nor be heard.
    routers_since: datetime | None = None

    # The model's route.
    revision: int = 0
    weights: Mapping[str, int] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()

    # Inputs of this swap.
    steps: tuple[StrategyStep, ...] = ()
    min_ready_hosts: int | None = None
    on_drain_timeout: str = "wait"
    load_deadline: datetime | None = None
    apply_deadline: datetime | None = None  # of a node that could know of the revision at once
    apply_timeout: timedelta = timedelta(seconds=30)
    drain_timeout: timedelta = timedelta(seconds=30)
    drain_deadline: datetime | None = None
    swap_timeout: timedelta | None = None  # of the whole swap, from when it begins to load
    swap_deadline: datetime | None = None
    keep_warm: timedelta = timedelta()
    # How long hosts may be silent, or Envoys show no healthy member, before a version is lost.
    lost_after: timedelta = timedelta(seconds=10)

    # What people asked for.
    queued_behind: str = ""  # why it is not its turn
    unapproved: str = ""  # why nobody's approval counts; "" where none is needed, too
    abort: str = ""  # "", "cancel" or "rollback"
    paused: bool = False
    promoted_steps: int = 0
    promoted_full: bool = False
    bake_ended: bool = False
    forced_by: str = ""
    roll_forward: bool = False

    # Where it is.
    step_index: int = 0
    step_entered_at: datetime | None = None
    routed: bool = False  # it wrote a route revision: the new version may have had requests
    # Its hosts restarted empty, and it is loaded on them again; and how often that was begun.
    reloading: bool = False
    reloads: int = 0
    watching: str | None = None  # the version whose drain is watched, for the present revision
    drained_at: datetime | None = None
    past_return: bool = False
    # Begun before a backup that was restored since: later rows, that nobody has any more, may
    # have sent traffic anywhere.
    restored: bool = False
    unload_called_at: datetime | None = None
    failure: str = ""

    @property
    def hosts_needed(self) -> int:
        """On so many hosts the new version has to be ready, and reached by every Envoy."""
        return self.min_ready_hosts or len(self.target)

    @property
    def serving(self) -> str | None:
        """The version that holds all the weight, if one does."""
        return next((v for v, percent in self.weights.items() if percent == 100), None)
