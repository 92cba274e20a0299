"""Does Postgres take writes? After a failover it may answer and be read-only; its disk may be full.

Then reads work, commands are refused in words, and nothing moves: who looks must be told why.
"""

import threading
import time

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from psycopg import errors

READ_ONLY = "Postgres is read-only, as after a failover to a standby: nothing can be changed"
FULL = "Postgres' disk is full: nothing can be changed"

# Of a table of its own, which is dropped at once: Postgres must find room for a page of it.
_PROBE = "CREATE TEMPORARY TABLE hotswap_probe ON COMMIT DROP AS SELECT repeat('x', 4096) AS filler"

# What a database that is away, or comes back, raises: it is tried again, and no bug.
OUTAGE = (OperationalError, InterfaceError)

# So long a look stands for those who ask often: probes of every balancer come each second, and
# each look makes and drops a table.
RECENT_SECONDS = 2.0

_known: str | None = None
_looked_at: float | None = None
_looking = threading.Lock()


def refused_write(error: BaseException) -> str | None:
    """The sentence, where that is what an error comes from."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, errors.ReadOnlySqlTransaction):
            return READ_ONLY
        if isinstance(cause, errors.DiskFull):
            return FULL
        cause = cause.__cause__
    return None


def is_outage(error: BaseException) -> bool:
    """Of an error that reached a door: is it the database's, and over when that is well again?"""
    if isinstance(error, OUTAGE) or refused_write(error):
        return True
    # Postgres ended the session; which of its classes of errors that is in is of no interest.
    ended = errors.TransactionTimeout | errors.IdleInTransactionSessionTimeout
    return isinstance(error.__cause__, ended)


def known() -> str | None:
    """What the last `look` of this process found, without asking anybody: for those who render."""
    return _known


def look() -> str | None:
    """Ask Postgres now. A sentence without its full stop; None: it takes writes.

    Raises DatabaseError where it does not answer.
    """
    global _known, _looked_at
    _known = _look()
    _looked_at = time.monotonic()
    return _known


def recent() -> str | None:
    """As `look`, but Postgres is asked at most once in RECENT_SECONDS a process; who comes while
    it is asked gets what was found before. Raises DatabaseError where it does not answer.
    """
    old = _looked_at is None or time.monotonic() - _looked_at >= RECENT_SECONDS
    if old and _looking.acquire(blocking=False):
        try:
            return look()
        finally:
            _looking.release()
    return _known


def _look() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::boolean"
        )
        if cursor.fetchone()[0]:
            return READ_ONLY
    return _no_room()


def _no_room() -> str | None:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_PROBE)
            cursor.execute("DROP TABLE IF EXISTS hotswap_probe")
    except DatabaseError as error:
        # A role that may make no temporary tables is told of a full disk by its first command.
        return refused_write(error)
    return None
