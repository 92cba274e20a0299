"""A Postgres that says nothing, and a pool that gives nothing: neither is waited for for ever.

Postgres has limits of its own for what takes too long (swaps.db.stalled). But one that is
stopped, or whose disk hangs, watches no clock, and its kernel keeps the connection up: without a
limit here each request would hold a thread and a connection for as long as that lasts.
"""

from typing import Any

import psycopg
from psycopg import errors
from psycopg.abc import PQGen

# Longer than Postgres' own limits: where it lives it says itself what took too long.
SILENCE_SECONDS = 25.0


class ImpatientConnection(psycopg.Connection[Any]):
    """For the pool: psycopg's connection, with a limit for each answer."""

    def wait[RV](self, gen: PQGen[RV], interval: float = 0.1, timeout: float | None = None) -> RV:
        try:
            return super().wait(gen, interval, SILENCE_SECONDS if timeout is None else timeout)
        except errors._WaitTimeout as error:
            if timeout is not None:
                raise  # whoever gave it knows what to do
            # What it would still say belongs to no question any more.
            self.pgconn.finish()
            raise errors.OperationalError(
                f"Postgres said nothing for {SILENCE_SECONDS:g} seconds"
            ) from error
