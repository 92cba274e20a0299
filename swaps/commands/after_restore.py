"""After the rows went back in time, as they do when a backup is restored.

Hosts still remember the intents that came after the backup, and refuse those that follow it as
older ones: rightly, for all they know. And Envoys serve what came after it, so that what they
acknowledged and proved before says nothing: nothing that they may serve now is unloaded by it.
"""

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.refusals import audited
from swaps.db.clock import database_now
from swaps.db.statements import Statement, run
from swaps.domain.states import END_STATES, SwapState
from swaps.engine.write import store
from swaps.models import (
    ClusterOnNode,
    DrainProof,
    DrainWatch,
    NodeIncarnation,
    Placement,
    Route,
    RouteOnNode,
    SwapOperation,
)
from swaps.models.hosts import Observed
from swaps.models.nodes import NodeState
from swaps.models.swap_operations import EventKind

_OF = ("host", "all fences")

# More names of clusters than were given since any backup: Envoys may have one of each still. The
# ORM knows no sequences.
_SKIP_CLUSTER_NAMES = Statement(
    "SELECT max(nextval(pg_get_serial_sequence('swaps_cluster', 'id')))"
    " FROM generate_series(1, 100000)",
    {},
)


def begin_anew(*, actor: Actor) -> int:
    """Every intent gets a fence above all that hosts may remember, and all that nodes
    acknowledged, proved or reached is void. May be repeated. Raises NotAllowed, StaleSwap.

    Returns how many got one.
    """
    with audited(actor, Action.MANAGE_HOSTS, *_OF):
        actor.require(Action.MANAGE_HOSTS)
    with transaction.atomic():
        held = _hold_swaps(actor)
        renewed, owed = _renew_fences()
        _void_evidence()
        run(_SKIP_CLUSTER_NAMES)
        record(
            actor=actor,
            action=Action.MANAGE_HOSTS,
            object_kind=_OF[0],
            object_name=_OF[1],
            reason="the database was restored from a backup",
            after={"fences": renewed, "unloads_given_up": owed, "swaps_held": held},
        )
    return renewed


def _hold_swaps(actor: Actor) -> int:
    """A swap that began asks every node anew, also about a version that has had no request as far
    as the rows know, and unloads nothing until a person says that every Envoy is back.
    """
    swaps = (
        SwapOperation.objects.select_for_update(of=("self",))
        .select_related("model")
        .exclude(state__in=[*END_STATES, SwapState.NOT_STARTED])
        .order_by("pk")
    )
    revisions = dict(Route.objects.values_list("model", "revision"))
    for swap in swaps:
        store.write(
            swap,
            kind=EventKind.PROBLEM,
            reason="the database was restored from a backup: every node is asked anew",
            actor=actor,
            restored_at=Now(),
            drain_watch_id=None,
            drained_at=None,
            bake_ended=False,
            forced_by="",
            revision=swap.revision if swap.revision is not None else revisions[swap.model_id],
            revision_at=Now(),
            next_check_at=Now(),
            attended_until=None,
        )
    return len(swaps)


def _renew_fences() -> tuple[int, int]:
    """How many fences are new, and how many unloads were given up.

    By the clock: fences begin there (`ObservedSwap.first_fence`) and grow by one an intent, which
    come less often than every millisecond.
    """
    renewed = Placement.objects.filter(fence__gt=0).update(
        fence=Greatest(F("fence"), int(database_now().timestamp() * 1000)),
        observed=Observed.UNKNOWN,
        observed_at=None,
        answered_boot_id="",
        silent_since=None,
        lease_token=None,
        lease_until=None,
    )
    # What was to be unloaded may serve by now: it shows as drift, for a person to decide.
    owed = Placement.objects.filter(unload_owed=True).update(unload_owed=False)
    return renewed, owed


def _void_evidence() -> None:
    """What nodes acknowledged, proved and reached before says nothing about now."""
    DrainProof.objects.all().delete()
    DrainWatch.objects.filter(closed_at=None).update(closed_at=Now())
    RouteOnNode.objects.all().delete()
    ClusterOnNode.objects.all().delete()
    NodeIncarnation.objects.filter(state=NodeState.CONNECTED).update(state=NodeState.AWAY)
