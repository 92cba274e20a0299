"""Rows to a snapshot: what the decision sees of one swap. Reads, changes nothing.

One statement, so that all of it is of one moment: an ack, a proof and a revision that were
never true together cannot meet here. By hand, too, because every turn of every swap begins
with it, and thirty joins by the ORM would cost more than all the rest of a swap.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.conf import settings
from django.db import connection

from swaps.adapters.registry import load_may_stall
from swaps.db.statements import Statement, run
from swaps.domain.deadlines import apply_deadline, load_deadline
from swaps.domain.snapshot import QUEUED, HostView, NodeView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.strategies import steps_of
from swaps.engine.inputs import lacks_approval
from swaps.models import ServedModel, SwapOperation
from swaps.models.hosts import Desired, Observed

# Whether a host may load placement `p` now, or as many loads as it may run already, whoever wants
# them by now. Given up, a load counts until it is known what became of it. One that began long ago
# and was never heard of again takes no slot any more.
#
# A version with which the host went down loads alone: then it is known which one it is, and no
# other load goes down with it.
SLOT_FREE = """(SELECT count(*) < host.max_concurrent_loads
    AND (p.lost_loads = 0 OR count(*) = 0) AND NOT coalesce(bool_or(other.lost_loads > 0), false)
  FROM swaps_placement other
  WHERE other.host_id = p.host_id AND other.id <> p.id
    AND (other.desired = 'loaded' AND other.observed = 'loading'
         OR other.unload_owed AND other.observed IN ('loading', 'unloading', 'unknown'))
    AND other.load_called_at > now() - interval '10 minutes')"""

# Whether the host of `p`, which holds no weight, is without a version that does and that it is
# about to be given back. It restarted when another boot than that of `p` is all that is known.
# What an open swap brings is not given back by others, and so holds up none.
LACKS_WHAT_SERVES = """(EXISTS (SELECT FROM swaps_placement lost
    JOIN swaps_route served ON served.model_id = lost.model_id
    WHERE lost.host_id = p.host_id AND lost.id <> p.id AND lost.desired = 'loaded'
      AND coalesce((served.weights ->> lost.version)::int, 0) > 0
      AND (lost.observed = 'available'
           OR lost.observed IN ('ready', 'loading', 'unknown')
              AND p.boot_id <> '' AND lost.boot_id <> p.boot_id)
      AND NOT EXISTS (SELECT FROM swaps_swapoperation own
        WHERE own.model_id = lost.model_id AND own.to_version = lost.version AND NOT own.queued
          AND own.state IN ('LoadingNewVersion', 'Transitioning', 'RollingBack')))
  AND NOT EXISTS (SELECT FROM swaps_route mine WHERE mine.model_id = p.model_id
    AND coalesce((mine.weights ->> p.version)::int, 0) > 0))"""

# Whatever its row says: with its router process stopped or cut off, it neither hears nor is heard.
NODE_IS_CONNECTED = """(node.state = 'connected' AND EXISTS (SELECT FROM swaps_routerprocess process
  WHERE process.id = node.router_id AND process.lease_until > statement_timestamp()))"""


@dataclass(frozen=True, slots=True)
class Placed:
    """A placement's row, as it was read: who writes to it names the fence."""

    pk: int
    fence: int
    # Given up while it loaded, and nobody knows yet what became of that: whoever wants the
    # version anew looks first.
    undecided: bool = False
    # Loaded by others, and never wanted or given up by us: no call of ours can be under way, so
    # the host need not hear of the fence that a load would tell it. See swaps.engine.advance.
    adoptable: bool = False


@dataclass(frozen=True, slots=True)
class ObservedSwap:
    """A swap as it was read, what the decision sees of it, and what writing it down needs."""

    swap: SwapOperation
    snapshot: Snapshot
    placements: Mapping[tuple[str, str], Placed]  # by version and host
    clusters: Mapping[str, int]  # the live ones, by version
    gone: list[str]  # drained versions whose pinned path says so
    source_now: list[str]  # hosts where the old version shall be loaded
    acked_at: datetime | None  # the last required node's ack of the swap's revision
    ready_at: datetime | None  # the last answer or healthy connection that made all ready

    @property
    def first_fence(self) -> int:
        """Of a placement that had none. By the clock, and so above those that its host may
        remember of a row that was deleted with its host or its model.
        """
        return int(self.snapshot.now.timestamp() * 1000)

    def placed(self, version: str, hosts: tuple[str, ...]) -> list[Placed]:
        """Where the version is known; a host that never had it is left out."""
        found = (self.placements.get((version, host)) for host in hosts)
        return [one for one in found if one is not None]


def select_swap(swap_id: uuid.UUID) -> Statement:
    """What `observed_from` reads."""
    return Statement(_statement(), {"swap": swap_id})


def observe(swap_id: uuid.UUID) -> ObservedSwap:
    """Raises SwapOperation.DoesNotExist."""
    (found,) = run(select_swap(swap_id))
    return observed_from(swap_id, found.rows)


def observed_from(swap_id: uuid.UUID, rows: list[tuple[Any, ...]]) -> ObservedSwap:
    """Raises SwapOperation.DoesNotExist."""
    if not rows:
        raise SwapOperation.DoesNotExist(f"no swap has the id {swap_id}")
    (row,) = rows
    swap, rest = _swap(row), row[len(_columns()) :]
    (
        now,
        model_name,
        revision,
        weights,
        pinned,
        gone,
        watched,
        clusters,
        placed,
        nodes,
        routers_since,
    ) = rest
    swap.model = ServedModel.from_db("default", ("id", "name"), (swap.model_id, model_name))
    state = SwapState(swap.state)
    apply_timeout = timedelta(seconds=swap.apply_timeout_seconds)
    placements = {(one["version"], one["host"]): one for one in placed or ()}
    nodes = nodes or ()

    def views(version: str | None, hosts: list[str]) -> tuple[HostView, ...]:
        return tuple(_host(host, placements.get((version, host))) for host in hosts)

    snapshot = Snapshot(
        now=now,
        state=state,
        from_version=swap.from_version,
        to_version=swap.to_version,
        source=views(swap.from_version, swap.source_hosts),
        target=views(swap.to_version, swap.target_hosts),
        nodes=tuple(_node(one, revision) for one in nodes),
        routers_since=routers_since,
        revision=revision,
        weights=weights,
        pinned=frozenset(pinned),
        steps=steps_of(swap.strategy),
        min_ready_hosts=swap.min_ready_hosts,
        on_drain_timeout=swap.on_drain_timeout,
        load_deadline=load_deadline(
            state,
            state_entered_at=swap.state_entered_at,
            reloading_since=swap.reloading_since,
            timeout=timedelta(seconds=swap.load_timeout_seconds),
        ),
        apply_deadline=apply_deadline(swap.revision_at, timeout=apply_timeout),
        apply_timeout=apply_timeout,
        drain_timeout=timedelta(seconds=swap.drain_timeout_seconds),
        drain_deadline=swap.drain_deadline,
        swap_timeout=None
        if swap.swap_timeout_seconds is None
        else timedelta(seconds=swap.swap_timeout_seconds),
        swap_deadline=swap.swap_deadline,
        keep_warm=timedelta(seconds=swap.keep_warm_seconds),
        lost_after=timedelta(seconds=settings.LOST_AFTER_SECONDS),
        queued_behind=QUEUED if swap.queued else "",
        unapproved=lacks_approval(swap) if state is SwapState.NOT_STARTED else "",
        abort=swap.abort_requested,
        paused=swap.paused,
        promoted_steps=swap.promoted_steps,
        promoted_full=swap.promoted_full,
        bake_ended=swap.bake_ended,
        forced_by=swap.forced_by,
        roll_forward=swap.roll_forward_requested,
        step_index=swap.step_index,
        step_entered_at=swap.step_entered_at,
        routed=swap.revision is not None,
        watching=watched,
        reloading=swap.reloading_since is not None,
        reloads=swap.reloads,
        drained_at=swap.drained_at,
        past_return=swap.past_return_at is not None,
        restored=swap.restored_at is not None,
        unload_called_at=swap.unload_called_at,
        failure=swap.failure,
    )
    acks = [_time(one["acked_at"]) for one in nodes if one["revision"] == swap.revision]
    ready = [
        *(_time(one["answered_at"]) for (v, _), one in placements.items() if v == swap.to_version),
        *(
            _time(seen["seen_at"])
            for one in nodes
            if (seen := (one["members"] or {}).get(swap.to_version)) and seen["healthy"]
        ),
    ]
    return ObservedSwap(
        swap,
        snapshot,
        placements={key: _placed(one) for key, one in placements.items()},
        clusters=clusters or {},
        gone=gone,
        source_now=sorted(
            host
            for (version, host), one in placements.items()
            if version == swap.from_version and one["desired"] == Desired.LOADED
        ),
        acked_at=max(filter(None, acks), default=None),
        ready_at=max(filter(None, ready), default=None),
    )


@cache
def _columns() -> tuple[tuple[str, str], ...]:
    """Of a swap: each attribute with its column."""
    return tuple((one.attname, str(one.column)) for one in SwapOperation._meta.concrete_fields)


# Constants stand in it as they are: with fewer parameters Postgres sees after some times that
# one plan suits all, and plans no more.
@cache
def _statement() -> str:
    columns = ", ".join(f'swap."{column}"' for _, column in _columns())
    return f"""
SELECT {columns},
  statement_timestamp(), model.name, route.revision, route.weights::json, route.pinned::json,
  route.gone::json, watched.version,
  (SELECT json_object_agg(cluster.version, cluster.id) FROM swaps_cluster cluster
    WHERE cluster.model_id = swap.model_id AND cluster.retired_at IS NULL),
  (SELECT json_agg(json_build_object(
      'id', p.id, 'fence', p.fence, 'owed', p.unload_owed,
      'host', host.name, 'version', p.version, 'desired', p.desired,
      'observed', p.observed, 'reason', p.observed_reason, 'seen_at', p.observed_at,
      'silent_since', p.silent_since, 'called_at', p.load_called_at,
      'answered_at', p.answered_at,
      'restarted', p.answered_boot_id <> '' AND p.answered_boot_id <> p.boot_id,
      'answered', p.answered_boot_id <> '' AND p.answered_boot_id = p.boot_id,
      'told', p.load_fence = p.fence, 'lost_loads', p.lost_loads, 'kind', host.kind,
      'slot_free', CASE WHEN swap.state = 'LoadingNewVersion' OR swap.reloading_since IS NOT NULL
        THEN {SLOT_FREE} ELSE true END,
      'lacks', CASE WHEN swap.state = 'LoadingNewVersion' THEN {LACKS_WHAT_SERVES} ELSE false END))
    FROM swaps_placement p JOIN swaps_modelhost host ON host.id = p.host_id
    WHERE p.model_id = swap.model_id AND p.version IN (swap.from_version, swap.to_version)
  ),
  (SELECT json_agg(json_build_object(
      'name', node.node_id, 'seen_at', node.last_seen_at, 'since', node.reachable_since,
      'connected', {NODE_IS_CONNECTED},
      'refusal', node.nack,
      'revision', coalesce(applied.revision, 0), 'acked_at', applied.acked_at,
      'nacked', applied.nacked_revision, 'nack', applied.nack_detail,
      'proven_at', (SELECT proof.proven_at FROM swaps_drainproof proof
         WHERE proof.watch_id = watch.id AND proof.incarnation_id = node.id),
      'members', (SELECT json_object_agg(cluster.version, json_build_object(
            'healthy', seen.healthy, 'seen_at', seen.observed_at, 'none_since', seen.none_since))
         FROM swaps_clusteronnode seen JOIN swaps_cluster cluster ON cluster.id = seen.cluster_id
         WHERE seen.incarnation_id = node.id
           AND cluster.model_id = swap.model_id AND cluster.retired_at IS NULL)
      ) ORDER BY node.node_id, node.id)
    FROM swaps_nodeincarnation node
    LEFT JOIN swaps_routeonnode applied
      ON applied.incarnation_id = node.id AND applied.route_id = route.id
    WHERE node.state IN ('connected', 'away')
  ),
  (SELECT min(process.serves_since) FROM swaps_routerprocess process
    WHERE process.lease_until > statement_timestamp())
FROM swaps_swapoperation swap
JOIN swaps_servedmodel model ON model.id = swap.model_id
JOIN swaps_route route ON route.model_id = swap.model_id
LEFT JOIN swaps_drainwatch watch
  ON watch.id = swap.drain_watch_id AND watch.route_revision = route.revision
LEFT JOIN swaps_cluster watched ON watched.id = watch.cluster_id
WHERE swap.id = %(swap)s
"""  # noqa: S608 - our own words


@cache
def _converters() -> tuple[tuple[int, Any], ...]:
    """What Django does to some columns after they were read, by position."""
    return tuple(
        (at, convert)
        for at, field in enumerate(SwapOperation._meta.concrete_fields)
        for convert in field.get_db_converters(connection)
    )


def _swap(row: tuple[Any, ...]) -> SwapOperation:
    values = list(row[: len(_columns())])
    for at, convert in _converters():
        values[at] = convert(values[at], None, connection)
    return SwapOperation.from_db("default", [name for name, _ in _columns()], values)


def _host(host: str, row: dict[str, Any] | None) -> HostView:
    if row is None:
        return HostView(host=host, wanted=False, status=Observed.UNKNOWN)
    return HostView(
        host=host,
        wanted=row["desired"] == Desired.LOADED,
        status=row["observed"],
        reason=row["reason"],
        load_called=row["called_at"] is not None,
        called_at=_time(row["called_at"]),
        answered=row["answered"],
        restarted=row["restarted"],
        seen_at=_time(row["seen_at"]),
        silent_since=_time(row["silent_since"]),
        load_slot_free=row["slot_free"] or row["observed"] == Observed.READY,
        lacks_what_serves=row["lacks"] and row["observed"] != Observed.READY,
        told=row["told"],
        tried_in_vain=row["lost_loads"] >= settings.LOAD_ATTEMPTS,
        load_disturbs=load_may_stall(row["kind"]),
        left_alone=row["desired"] == Desired.ABSENT and not row["owed"],
    )


def _placed(row: dict[str, Any]) -> Placed:
    unknown = row["observed"] in {Observed.LOADING, Observed.UNLOADING, Observed.UNKNOWN}
    return Placed(
        row["id"],
        row["fence"],
        undecided=row["owed"] and unknown and row["called_at"] is not None,
        adoptable=row["fence"] == 0 and row["observed"] == Observed.READY,
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _node(row: dict[str, Any], revision: int) -> NodeView:
    members = row["members"] or {}
    return NodeView(
        name=row["name"],
        connected=row["connected"],
        seen_at=datetime.fromisoformat(row["seen_at"]),
        applied_revision=row["revision"],
        nack=row["nack"] if row["nacked"] == revision else None,
        reachable_since=_time(row["since"]),
        members={version: one["healthy"] for version, one in members.items()},
        none_since={
            version: datetime.fromisoformat(one["none_since"])
            for version, one in members.items()
            if one["none_since"]
        },
        proven_at=_time(row["proven_at"]),
        cluster_nack=row["refusal"],
    )
