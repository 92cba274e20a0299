"""Postgres' clock, by which everything that is compared with rows is told."""

from datetime import datetime

from django.db import connection


def database_now() -> datetime:
    """This very moment, not the begin of the transaction: that may have waited for locks since."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    return now
