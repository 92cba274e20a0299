"""After the rows went back in time, as they do when a backup is restored.

Hosts still remember the intents that came after the backup, and refuse those that follow it as
older ones: rightly, for all they know. And Envoys serve what came after it, so that what they
acknowledged and proved before says nothing: nothing that they may serve now is unloaded by it.
"""

from django.db import transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.refusals import audited
from swaps.db.statements import Statement, run
from swaps.domain.states import END_STATES, SwapState

_OF = ("host", "all fences")
_STARTED = ", ".join(f"'{one}'" for one in sorted(set(SwapState) - END_STATES - {"NotStarted"}))


def begin_anew(*, actor: Actor) -> int:
    """Every intent gets a fence above all that hosts may remember, and all that nodes
    acknowledged, proved or reached is void. May be repeated. Raises NotAllowed.

    By the clock: fences begin there (`ObservedSwap.first_fence`) and grow by one an intent, which
    come less often than every millisecond. Returns how many got one.
    """
    with audited(actor, Action.MANAGE_HOSTS, *_OF):
        actor.require(Action.MANAGE_HOSTS)
    with transaction.atomic():
        about = {"actor": actor.name, "source": actor.source}
        statements = [Statement(sql, about) for sql in (*_DESIRED, *_EVIDENCE)]
        renewed, owed, swaps, *_ = run(*statements)
        record(
            actor=actor,
            action=Action.MANAGE_HOSTS,
            object_kind=_OF[0],
            object_name=_OF[1],
            reason="the database was restored from a backup",
            after={
                "fences": renewed.touched,
                "unloads_given_up": owed.touched,
                "swaps_held": swaps.touched,
            },
        )
    return renewed.touched


_DESIRED = (
    "UPDATE swaps_placement SET fence = greatest(fence,"
    " (extract(epoch FROM clock_timestamp()) * 1000)::bigint),"
    " observed = 'unknown', observed_at = NULL, answered_boot_id = '', silent_since = NULL,"
    " lease_token = NULL, lease_until = NULL WHERE fence > 0",
    # What was to be unloaded may serve by now: it shows as drift, for a person to decide.
    "UPDATE swaps_placement SET unload_owed = false WHERE unload_owed",
    # An open swap asks every node anew, also about a version that has had no request as far as
    # the rows know, and unloads nothing until a person says that every Envoy is back.
    f"""
    WITH held AS (
      UPDATE swaps_swapoperation swap
         SET restored_at = statement_timestamp(), drain_watch_id = NULL, drained_at = NULL,
             bake_ended = false, forced_by = '', generation = generation + 1,
             revision = coalesce(swap.revision, route.revision),
             revision_at = statement_timestamp(), next_check_at = statement_timestamp(),
             attended_until = NULL
        FROM swaps_route route
       WHERE route.model_id = swap.model_id AND swap.state IN ({_STARTED})
      RETURNING swap.id, swap.generation, swap.state)
    INSERT INTO swaps_swapevent
           (swap_id, generation, at, kind, from_state, to_state, actor, source, reason, data)
    SELECT id, generation, statement_timestamp(), 'problem', state, state, %(actor)s, %(source)s,
           'the database was restored from a backup: every node is asked anew', '{{}}' FROM held
    """,  # noqa: S608 - our own words
)
_EVIDENCE = (
    "DELETE FROM swaps_drainproof",
    "UPDATE swaps_drainwatch SET closed_at = statement_timestamp() WHERE closed_at IS NULL",
    "DELETE FROM swaps_routeonnode",
    "DELETE FROM swaps_clusteronnode",
    "UPDATE swaps_nodeincarnation SET state = 'away' WHERE state = 'connected'",
    # More names of clusters than were given since any backup: Envoys may have one of each still.
    "SELECT max(nextval(pg_get_serial_sequence('swaps_cluster', 'id')))"
    " FROM generate_series(1, 100000)",
)
