"""A process that stands still in mid-transaction must not hold its rows for ever.

Postgres ends a session that is idle in a transaction (see the settings). One whose process
stopped between two statements of a pipeline is not idle to it: for that there is a limit of a
whole transaction, from Postgres 17 on. And no statement takes longer, by any Postgres: what waits
behind a lock or a lost disk gives its thread and its connection back.
"""

from typing import Any
from weakref import WeakSet

from django.db.backends.signals import connection_created
from psycopg import Connection

LONGEST_TRANSACTION_SECONDS = 20
_SINCE_VERSION = 170000  # transaction_timeout

# A pool hands out the same ones again and again.
_limited: WeakSet[Connection[Any]] = WeakSet()


def limit_transactions() -> None:
    """Of the connections that this process opens from now on: for processes that serve. What an
    administrator runs, such as a migration, may take its time.
    """
    connection_created.connect(_limit, dispatch_uid="longest transaction")


def _limit(*, connection: Any, **_: Any) -> None:
    raw = connection.connection
    if raw in _limited:
        return
    limits = ["statement_timeout"]
    if raw.info.server_version >= _SINCE_VERSION:
        limits.append("transaction_timeout")
    with connection.cursor() as cursor:
        for limit in limits:
            cursor.execute(f"SET {limit} = '{LONGEST_TRANSACTION_SECONDS}s'")
    _limited.add(raw)
