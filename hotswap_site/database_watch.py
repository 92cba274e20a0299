"""How a console keeps an eye on its database, in a thread of its own.

Whether Postgres takes writes is asked here, so that no page waits to know it.

A pool that has lost its connections ends its process, and the supervisor starts another.

Every statement has a limit, and every request gives its connection back, so a pool that gives
none for longer than that has leaked them or is stuck. It would go on answering 503 for ever: a
console that ends is back in seconds.
"""

import logging
import os
import threading
import time

import psycopg
from django.db import Error as DatabaseError
from django.db import close_old_connections, connection
from psycopg_pool import ConnectionPool, PoolTimeout

from hotswap_site.silent_postgres import SILENCE_SECONDS
from swaps.db import writability

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
# Whoever waits longer in the pool's line than any request does is the next to get one: none was
# given back all that time, though no statement may take so long.
STUCK_SECONDS = 2 * SILENCE_SECONDS + 10.0
EXIT_CODE = 75  # sysexits' EX_TEMPFAIL


def watch_database() -> None:
    """From now on."""
    threading.Thread(target=_watch, name="database watch", daemon=True).start()


def _watch() -> None:
    pool: ConnectionPool[psycopg.Connection[object]] | None = getattr(connection, "pool", None)
    parameters = connection.get_connection_params()
    while True:
        time.sleep(LOOK_SECONDS)
        if pool is not None and gives_nothing(pool) and postgres_answers(parameters):
            log.critical(
                "the pool gave no database connection for %g seconds, though Postgres answers: "
                "this process ends, to be started again",
                STUCK_SECONDS,
            )
            # No orderly end: what is stuck would be waited for.
            os._exit(EXIT_CODE)
        look_whether_it_takes_writes()


def look_whether_it_takes_writes() -> None:
    close_old_connections()
    try:
        writability.look()
    except DatabaseError as error:
        log.debug("Postgres was not asked whether it takes writes: %s", error)
    finally:
        close_old_connections()


def gives_nothing(pool: "ConnectionPool[psycopg.Connection[object]]") -> bool:
    """Waits long before it says so."""
    pool.open()
    try:
        with pool.connection(timeout=STUCK_SECONDS):
            return False
    except PoolTimeout:
        return True
    except psycopg.Error:
        return False  # Postgres' trouble, not the pool's


def postgres_answers(parameters: dict[str, object]) -> bool:
    """Asked past the pool."""
    try:
        with psycopg.connect(**parameters) as direct:  # type: ignore[arg-type]
            direct.execute("SELECT 1")
    except psycopg.Error:
        return False
    return True
