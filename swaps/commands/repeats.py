"""A request that is repeated with its key is done once, and answered the same again.

A caller whose connection broke does not know whether their request was carried out. What it
did and its answer commit together, so whatever broke, asking again is safe.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from psycopg.errors import LockNotAvailable

from swaps.access.roles import Actor, NotAllowed
from swaps.commands.errors import InvalidRequest, StillRunning, SwapRefused
from swaps.engine.hosts.questions import Answers, NotAskedYet
from swaps.models import KeptAnswer
from swaps.models.kept_answers import KEPT_FOR

# Of two at the same moment the second waits for the first one's answer, but not for ever.
PATIENCE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class KeptResponse:
    status: int
    location: str
    body: str
    repeated: bool = False  # it was given before, and nothing was done now


def once(
    actor: Actor, key: str, request: Mapping[str, Any], do: Callable[[], KeptResponse]
) -> KeptResponse:
    """`do`'s answer, or the one it gave when this actor asked this with this key before.

    All of `do` is one transaction, with its answer, but for what it asks of hosts: that comes
    before, see swaps.engine.hosts.questions, and `do` is begun more than once for it. What it
    refuses did nothing: its refusal is raised, recorded as ever, and the key is free again. Raises
    InvalidRequest when the key was used for another request, StillRunning, and what `do` raises.
    """
    digest = _digest(actor, request)
    answers = Answers()
    while True:
        try:
            with answers.at_hand():
                return _once(actor, key, digest, do)
        except NotAskedYet as missing:
            answers.ask(missing)


def _once(actor: Actor, key: str, digest: str, do: Callable[[], KeptResponse]) -> KeptResponse:
    refusal: SwapRefused | NotAllowed
    with transaction.atomic():
        _one_at_a_time(actor.name, key)
        kept = KeptAnswer.objects.filter(
            actor=actor.name, key=key, made_at__gt=Now() - KEPT_FOR
        ).first()
        if kept is not None:
            if not hmac.compare_digest(kept.request_digest, digest):
                raise InvalidRequest(
                    "Idempotency-Key",
                    f"the key {key!r} was used for another request: choose a new one",
                )
            return KeptResponse(kept.status, kept.location, kept.body, repeated=True)
        try:
            answer = do()
        except (SwapRefused, NotAllowed) as refused:
            # Raised below: in here it would take the audit log's entry of it along.
            refusal = refused
        else:
            KeptAnswer.objects.update_or_create(
                actor=actor.name,
                key=key,
                defaults={
                    "request_digest": digest,
                    "status": answer.status,
                    "location": answer.location,
                    "body": answer.body,
                    "made_at": Now(),
                },
            )
            return answer
    raise refusal


def _one_at_a_time(actor: str, key: str) -> None:
    """Until the end of the transaction. Raises StillRunning."""
    name = hashlib.sha256(json.dumps(["answer", actor, key]).encode()).digest()[:8]
    number = int.from_bytes(name, signed=True)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE_SECONDS}s'")
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [number])
            cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
            # What a reference lacks shows where the row is written, as it does without a key.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise StillRunning(
                f"the first request with the key {key!r} is still running: ask again in a moment"
            ) from error
        raise


def _digest(actor: Actor, request: Mapping[str, Any]) -> str:
    """Who has another role or sees other models asks something else."""
    models = None if actor.models is None else sorted(actor.models)
    asked = json.dumps([actor.role, models, request], sort_keys=True, default=str)
    return hmac.digest(settings.SECRET_KEY.encode(), asked.encode(), "sha256").hex()
