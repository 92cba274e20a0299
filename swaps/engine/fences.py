"""Fences after the rows went back in time, as they do when a backup is restored.

Hosts still remember the intents that came after the backup, and refuse those that follow it as
older ones: rightly, for all they know.
"""

from django.db import transaction

from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.engine.refusals import audited
from swaps.models.statements import Statement, run

_OF = ("host", "all fences")


def renew_fences(*, actor: Actor) -> int:
    """Every intent gets a fence above all that hosts may remember. May be repeated.

    By the clock: fences begin there (`Sighting.first_fence`) and grow by one an intent, which
    come less often than every millisecond. Returns how many. Raises NotAllowed.
    """
    with audited(actor, Action.MANAGE_HOSTS, *_OF):
        actor.require(Action.MANAGE_HOSTS)
    with transaction.atomic():
        (renewed,) = run(
            Statement(
                "UPDATE swaps_placement SET fence = greatest(fence,"
                " (extract(epoch FROM clock_timestamp()) * 1000)::bigint) WHERE fence > 0",
                {},
            )
        )
        record(
            actor=actor,
            action=Action.MANAGE_HOSTS,
            object_kind=_OF[0],
            object_name=_OF[1],
            reason="the database was restored from a backup",
            after={"fences": renewed.touched},
        )
    return renewed.touched
