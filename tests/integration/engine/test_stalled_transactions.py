"""A process that stops between two statements of a pipeline: Postgres takes its locks from it."""

from collections.abc import Iterator
from contextlib import suppress

import psycopg
import pytest
from django.db import connection
from django.db.backends.signals import connection_created

from swaps.db import stalled
from tests.integration.bundled_host.running import wait_until

pytestmark = pytest.mark.django_db(transaction=True)

LOCK = 4711


@pytest.fixture
def serving_connection(monkeypatch: pytest.MonkeyPatch) -> Iterator["psycopg.Connection[object]"]:
    """One as a process that serves opens it, but for how long its transactions may last."""
    monkeypatch.setattr(stalled, "LONGEST_TRANSACTION_SECONDS", 1)
    stalled.limit_transactions()
    other = connection.copy()
    try:
        other.ensure_connection()
        yield other.connection
    finally:
        connection_created.disconnect(dispatch_uid="longest transaction")
        other.close()


def test_a_pipeline_that_is_never_ended_holds_no_lock_for_ever(
    serving_connection: "psycopg.Connection[object]",
) -> None:
    def locked() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            return not cursor.fetchone()[0]

    with suppress(psycopg.Error), serving_connection.pipeline():
        serving_connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        wait_until(locked, "it holds the lock")
        # To Postgres it is not idle, and no statement of it runs.
        wait_until(lambda: not locked(), "the lock is taken from it")
