"""A router node's end, told: by its supervisor, or by somebody who vouches for it.

Until then one that is away blocks every drain, by name, for it may still send traffic.
"""

from django.db import transaction
from django.db.models.functions import Now

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import NodeNotFound, NotPossibleNow
from swaps.commands.refusals import audited
from swaps.domain.states import END_STATES
from swaps.live.notify import notify_nodes
from swaps.live.wake import wake_swaps_of
from swaps.models import NodeIncarnation, SwapOperation
from swaps.models.nodes import REQUIRED_NODE_STATES, NodeState


def reap_node(actor: Actor, nonce: str, reason: str) -> NodeIncarnation:
    """Its supervisor saw that process end: it can send nothing any more. `actor`: whose account
    the supervisor runs under; no drain waits for that node any more, so it takes a name.

    Returns the row as it is now; one that had ended before keeps how it ended.
    Raises NodeNotFound.
    """
    with transaction.atomic():
        node = _find(nonce)
        if node.state in REQUIRED_NODE_STATES:
            _end(node, NodeState.REAPED, reason)
            record(
                actor=actor,
                action="reap-node",
                object_kind="node",
                object_name=f"{node.node_id} {nonce}",
                reason=reason,
                after={"state": NodeState.REAPED.value},
            )
    return node


def retire_node(*, actor: Actor, nonce: str, reason: str = "") -> NodeIncarnation:
    """An administrator vouches that a node which is away has ended.

    If it has not, requests may still reach versions that are unloaded: so it takes a name.
    Raises NodeNotFound, NotAllowed; NotPossibleNow for a node that is connected.
    """
    with audited(actor, Action.RETIRE_NODE, "node", nonce):
        actor.require(Action.RETIRE_NODE)
        with transaction.atomic():
            node = _find(nonce)
            if node.state == NodeState.CONNECTED:
                raise NotPossibleNow(
                    f"node {node.node_id} is connected, so it lives: end its process first"
                )
            if node.state != NodeState.AWAY:
                raise NotPossibleNow(f"node {node.node_id} had ended before: {node.state}")
            _end(node, NodeState.RETIRED, f"retired by {actor.name}: {reason}".rstrip(": "))
            record(
                actor=actor,
                action=Action.RETIRE_NODE,
                object_kind="node",
                object_name=f"{node.node_id} {nonce}",
                reason=reason,
                before={"state": NodeState.AWAY.value},
                after={"state": NodeState.RETIRED.value},
            )
    return node


def retire_runs(*, actor: Actor, node_id: str, reason: str = "") -> int:
    """Whoever ended the machine of this node, an autoscaler for example, vouches that every run
    of it has ended; how many were still waited for. May be repeated.

    One that speaks lives, whatever anybody vouches for: Raises NotPossibleNow for a node that
    is connected, with `retry`, since a stream of a machine that was cut off ends seconds later.
    Raises NodeNotFound, NotAllowed.
    """
    with audited(actor, Action.RETIRE_NODE, "node", node_id):
        actor.require(Action.RETIRE_NODE)
        with transaction.atomic():
            runs = NodeIncarnation.objects.select_for_update().filter(node_id=node_id)
            if not runs:
                raise NodeNotFound(f"no node {node_id} has ever connected")
            if any(run.state == NodeState.CONNECTED for run in runs):
                raise NotPossibleNow(
                    f"node {node_id} is connected, so it lives: ask again once its machine has "
                    "ended and its stream with it",
                    retry=True,
                )
            away = [run for run in runs if run.state == NodeState.AWAY]
            for run in away:
                _end(run, NodeState.RETIRED, f"retired by {actor.name}: {reason}".rstrip(": "))
            if away:
                record(
                    actor=actor,
                    action=Action.RETIRE_NODE,
                    object_kind="node",
                    object_name=node_id,
                    reason=reason,
                    before={"away": sorted(run.nonce for run in away)},
                    after={"state": NodeState.RETIRED.value},
                )
    return len(away)


def _find(nonce: str) -> NodeIncarnation:
    try:
        return NodeIncarnation.objects.select_for_update().get(nonce=nonce)
    except NodeIncarnation.DoesNotExist:
        raise NodeNotFound(f"no node was ever started with the nonce {nonce}") from None


def _end(node: NodeIncarnation, state: NodeState, reason: str) -> None:
    NodeIncarnation.objects.filter(pk=node.pk).update(
        state=state, ended_at=Now(), ended_reason=reason
    )
    node.refresh_from_db()
    models = set(
        SwapOperation.objects.exclude(state__in=END_STATES)
        .filter(queued=False)
        .values_list("model_id", flat=True)
    )
    notify_nodes(models)
    transaction.on_commit(lambda: wake_swaps_of(models))
