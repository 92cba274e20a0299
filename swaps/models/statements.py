"""Statements by hand, for the few that every swap runs many times over: prepared once a
connection, and several in one round trip. All others go by the ORM.

The ORM needs half a millisecond of processor to put a statement together and Postgres as much
to plan a large one; by hand and prepared they need a tenth.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import connection
from psycopg import Cursor


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL with `%(name)s` or `%s`. What is sent has a type; JSON is wrapped in `Jsonb`."""

    sql: str
    parameters: Mapping[str, Any] | Sequence[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """`touched`: how many rows were found, made or changed; `rows` of those that it returns."""

    touched: int
    rows: list[tuple[Any, ...]]


def run(*statements: Statement) -> list[Outcome]:
    """In order, in one round trip; each sees what those before it did.

    Outside of a transaction several are one of their own. Raises what the ORM raises.
    """
    # Django's own cursor is taken for what it looks after: the connection, its health, and
    # whether this transaction can still be used. It cannot prepare.
    with connection.cursor(), connection.wrap_database_errors:
        connection.validate_no_broken_transaction()
        raw = connection.connection
        assert raw is not None, "a cursor was just open on it"
        cursors = [Cursor(raw) for _ in statements]
        with raw.pipeline() if len(statements) > 1 else nullcontext():
            for cursor, statement in zip(cursors, statements, strict=True):
                cursor.execute(statement.sql, statement.parameters, prepare=True)
        return [
            Outcome(cursor.rowcount, cursor.fetchall() if cursor.description else [])
            for cursor in cursors
        ]


def notify(channel: str, payload: object) -> Statement:
    """Told when the transaction commits."""
    return Statement(
        "SELECT pg_notify(%(channel)s, %(payload)s)",
        {"channel": channel, "payload": str(payload)},
    )
