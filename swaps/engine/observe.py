"""Rows to a snapshot: what the decision sees of one swap. Reads, changes nothing.

One statement, so that all of it is of one moment: an ack, a proof and a revision that were
never true together cannot meet here. By hand, too, because every turn of every swap begins
with it, and thirty joins by the ORM would cost more than all the rest of a swap.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q
from django.db.models.functions import Now

from swaps.domain.snapshot import HostView, NodeView, Snapshot
from swaps.domain.states import SwapState
from swaps.domain.strategies import parse_strategy
from swaps.engine.frozen_inputs import lacks_approval
from swaps.models import ServedModel, SwapOperation
from swaps.models.hosts import Desired, Observed
from swaps.models.nodes import REQUIRED_NODE_STATES, NodeState

# A load that began so long ago and was never heard of again takes no slot any more.
SLOT_FORGOTTEN_AFTER = timedelta(minutes=10)

_STATEMENT = """
SELECT swap.*,
  now() AS read_at,
  model.name AS read_model_name,
  route.revision AS read_revision,
  route.weights::json AS read_weights,
  route.pinned::json AS read_pinned,
  watched.version AS read_watched,
  (SELECT json_agg(json_build_object(
      'host', host.name, 'version', p.version, 'desired', p.desired,
      'observed', p.observed, 'reason', p.observed_reason, 'seen_at', p.observed_at,
      'called_at', p.load_called_at,
      'answered', p.answered_boot_id <> '' AND p.answered_boot_id = p.boot_id,
      'slots_taken', (SELECT count(*) FROM swaps_placement other
         WHERE swap.state = %(loading)s AND other.host_id = p.host_id AND other.id <> p.id
           AND other.desired = 'loaded' AND other.observed = 'loading'
           AND other.load_called_at > now() - %(forgotten)s),
      'slots', host.max_concurrent_loads))
    FROM swaps_placement p JOIN swaps_modelhost host ON host.id = p.host_id
    WHERE p.model_id = swap.model_id AND p.version IN (swap.from_version, swap.to_version)
  ) AS read_placements,
  (SELECT json_agg(json_build_object(
      'name', node.node_id, 'state', node.state, 'seen_at', node.last_seen_at,
      'refusal', node.nack,
      'revision', coalesce(applied.revision, 0),
      'nacked', applied.nacked_revision, 'nack', applied.nack_detail,
      'proven', EXISTS (SELECT 1 FROM swaps_drainproof proof
         WHERE proof.watch_id = watch.id AND proof.incarnation_id = node.id),
      'warm', (SELECT json_agg(cluster.version)
         FROM swaps_clusteronnode seen JOIN swaps_cluster cluster ON cluster.id = seen.cluster_id
         WHERE seen.incarnation_id = node.id AND seen.healthy > 0
           AND cluster.model_id = swap.model_id AND cluster.retired_at IS NULL)
      ) ORDER BY node.node_id, node.id)
    FROM swaps_nodeincarnation node
    LEFT JOIN swaps_routeonnode applied
      ON applied.incarnation_id = node.id AND applied.route_id = route.id
    WHERE node.state = ANY(%(required)s)
  ) AS read_nodes
FROM swaps_swapoperation swap
JOIN swaps_servedmodel model ON model.id = swap.model_id
JOIN swaps_route route ON route.model_id = swap.model_id
LEFT JOIN swaps_drainwatch watch
  ON watch.id = swap.drain_watch_id AND watch.route_revision = route.revision
LEFT JOIN swaps_cluster watched ON watched.id = watch.cluster_id
WHERE swap.id = %(swap)s
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A swap as it was read, and what the decision sees of it."""

    swap: SwapOperation
    snapshot: Snapshot


def observe(swap_id: uuid.UUID) -> Sighting:
    """Raises SwapOperation.DoesNotExist."""
    swap = _read(swap_id)
    state = SwapState(swap.state)
    placements = {(row["version"], row["host"]): row for row in swap.read_placements or ()}
    snapshot = Snapshot(
        now=swap.read_at,
        state=state,
        from_version=swap.from_version,
        to_version=swap.to_version,
        source=tuple(
            _host(host, placements.get((swap.from_version, host))) for host in swap.source_hosts
        ),
        target=tuple(
            _host(host, placements.get((swap.to_version, host))) for host in swap.target_hosts
        ),
        nodes=tuple(_node(row, swap.read_revision) for row in swap.read_nodes or ()),
        revision=swap.read_revision,
        weights=swap.read_weights,
        pinned=frozenset(swap.read_pinned),
        steps=parse_strategy(swap.strategy).steps,
        min_ready_hosts=swap.min_ready_hosts,
        on_drain_timeout=swap.on_drain_timeout,
        load_deadline=swap.state_entered_at + timedelta(seconds=swap.load_timeout_seconds)
        if state is SwapState.LOADING_NEW_VERSION
        else None,
        apply_deadline=swap.revision_at + timedelta(seconds=swap.apply_timeout_seconds)
        if swap.revision_at
        else None,
        drain_deadline=swap.drain_deadline,
        swap_deadline=swap.swap_deadline,
        keep_warm=timedelta(seconds=swap.keep_warm_seconds),
        queued_behind="waits in the model's line for its turn" if swap.queued else "",
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
        watching=swap.read_watched,
        drained_at=swap.drained_at,
        past_return=swap.past_return_at is not None,
        unload_called_at=swap.unload_called_at,
        failure=swap.failure,
    )
    return Sighting(swap, snapshot)


def _read(swap_id: uuid.UUID) -> Any:
    """The swap's row, with the rest of the statement as `read_…`."""
    parameters = {
        "swap": swap_id,
        "loading": SwapState.LOADING_NEW_VERSION.value,
        "forgotten": SLOT_FORGOTTEN_AFTER,
        "required": [state.value for state in REQUIRED_NODE_STATES],
    }
    for swap in SwapOperation.objects.raw(_STATEMENT, parameters):
        found: Any = swap
        found.model = ServedModel.from_db(
            "default", ("id", "name"), (found.model_id, found.read_model_name)
        )
        return found
    raise SwapOperation.DoesNotExist(f"no swap has the id {swap_id}")


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
        seen_at=_time(row["seen_at"]),
        load_slot_free=row["slots_taken"] < row["slots"],
    )


def _time(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _node(row: dict[str, Any], revision: int) -> NodeView:
    return NodeView(
        name=row["name"],
        connected=row["state"] == NodeState.CONNECTED,
        seen_at=datetime.fromisoformat(row["seen_at"]),
        applied_revision=row["revision"],
        nack=row["nack"] if row["nacked"] == revision else None,
        warm=frozenset(row["warm"] or ()),
        proven=row["proven"],
        cluster_nack=row["refusal"],
    )


def loads_under_way() -> Q:
    """Placements that take one of their host's load slots; as `slots_taken` counts them."""
    return Q(
        desired=Desired.LOADED,
        observed=Observed.LOADING,
        load_called_at__gt=Now() - SLOT_FORGOTTEN_AFTER,
    )
