"""Refusals in the audit log: each is recorded, a flood of them in aggregate.

A script in a loop or somebody who guesses tokens must not bury the log: of the same actor,
address, action and kind of refusal the first few of a minute are recorded whole, the others
counted, and one entry says how many they were once the minute is over.
"""

import hashlib
import json
import logging
import uuid
from datetime import UTC, timedelta

from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from swaps.access.roles import Actor, Role
from swaps.audit.record import LONGEST_REASON, record, storable_address
from swaps.db.writability import refused_write
from swaps.domain.texts import storable
from swaps.models import RefusalFlood

log = logging.getLogger(__name__)

WINDOW = timedelta(minutes=1)
RECORDED_WHOLE = 5


def record_refusal(
    *,
    actor: Actor,
    action: str,
    object_kind: str,
    object_name: str,
    reason: str,
    code: str,
    swap: uuid.UUID | None = None,
) -> None:
    """Outside the transaction of what was refused. `code` is the API's word for the refusal.

    For an attempt without a name (a wrong token, a failed login) give an actor who has none,
    or the name that was claimed, and the address.
    """
    try:
        with transaction.atomic():
            key = _key(actor, action, code)
            for flood in RefusalFlood.objects.select_for_update().filter(
                key=key, began_at__lt=Now() - WINDOW
            ):
                _end(flood)
            if _count(key, actor, action, object_kind, object_name, reason) <= RECORDED_WHOLE:
                record(
                    actor=actor,
                    action=action,
                    object_kind=object_kind,
                    object_name=object_name,
                    swap=swap,
                    outcome="refused",
                    reason=reason,
                )
    except DatabaseError as error:
        if refused_write(error) is None:
            raise
        # Nothing was done, and nothing can be: whoever is refused is still told so.
        log.error(
            "not in the audit log, for it takes no writes: %s was refused %s of %s %s: %s",
            *(actor.name, action, object_kind, object_name, reason),
        )


def end_floods() -> None:
    """Say of each flood whose minute is over how many refusals it was. Called now and then."""
    with transaction.atomic():
        for flood in RefusalFlood.objects.select_for_update(skip_locked=True).filter(
            began_at__lt=Now() - WINDOW
        ):
            _end(flood)


def _key(actor: Actor, action: str, code: str) -> str:
    alike = [actor.name, actor.role, actor.source, actor.address, actor.token, action, code]
    return hashlib.sha256(json.dumps(alike).encode()).hexdigest()


def _count(
    key: str, actor: Actor, action: str, object_kind: str, object_name: str, reason: str
) -> int:
    """Which of its minute this refusal is, from 1. Holds the row until the transaction ends."""
    latest = {
        "object_kind": object_kind,
        "object_name": storable(object_name, 200),
        "reason": storable(reason, LONGEST_REASON),
        "request_id": actor.request_id,
    }
    fields = {
        "key": key,
        "actor": storable(actor.name, 150),
        "role": actor.role or "",
        "source": actor.source,
        "address": storable_address(actor.address),
        "token": actor.token,
        "action": action,
    } | latest
    # One statement, because two refusals at the same moment are both counted.
    statement = f"""
        INSERT INTO {RefusalFlood._meta.db_table} AS flood ({", ".join(fields)}, times)
        VALUES ({", ".join(["%s"] * len(fields))}, 1)
        ON CONFLICT (key) DO UPDATE SET
            times = flood.times + 1, last_at = now(),
            {", ".join(f"{column} = EXCLUDED.{column}" for column in latest)}
        RETURNING times
    """  # noqa: S608 - names of our own columns
    with connection.cursor() as cursor:
        cursor.execute(statement, list(fields.values()))
        return int(cursor.fetchone()[0])


def _end(flood: RefusalFlood) -> None:
    more = flood.times - RECORDED_WHOLE
    if more > 0:
        since, until = (at.astimezone(UTC) for at in (flood.began_at, flood.last_at))
        record(
            actor=Actor(
                name=flood.actor,
                role=Role(flood.role) if flood.role else None,
                source=flood.source,
                address=flood.address,
                request_id=flood.request_id,
                token=flood.token,
            ),
            action=flood.action,
            object_kind=flood.object_kind,
            object_name=flood.object_name,
            outcome="refused",
            reason=f"refused {more} more times between {since:%H:%M:%S} and {until:%H:%M:%S} UTC, "
            f"the last time: {flood.reason}",
            after={"times": more, "since": since.isoformat(), "until": until.isoformat()},
        )
    flood.delete()
