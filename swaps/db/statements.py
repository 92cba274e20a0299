"""Statements by hand, for the few that every swap runs many times over: prepared once a
connection, and several in one round trip. All others go by the ORM.

The ORM needs half a millisecond of processor to put a statement together and Postgres as much
to plan a large one; by hand and prepared they need a tenth.
"""

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

from django.db import InternalError, connection
from psycopg import Cursor
from psycopg.pq import PipelineStatus


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


# For what is seen or done again when it is lost: its commit need not wait for the disk. Whoever
# decides by it commits durably, and that carries it along.
NEED_NOT_WAIT = Statement("SELECT set_config('synchronous_commit', 'off', true)", {})


def run(*statements: Statement) -> list[Outcome]:
    """In order, in one round trip; each sees what those before it did.

    Outside of a transaction several are one of their own. Raises what the ORM raises; InternalError
    where that one's commit is refused, by a constraint that is checked last, for example.
    """
    # Django's own cursor is taken for what it looks after: the connection, its health, and
    # whether this transaction can still be used. It cannot prepare.
    with connection.cursor(), connection.wrap_database_errors:
        connection.validate_no_broken_transaction()
        raw = connection.connection
        assert raw is not None, "a cursor was just open on it"
        cursors = [Cursor(raw) for _ in statements]
        try:
            with raw.pipeline() if len(statements) > 1 else nullcontext():
                for cursor, statement in zip(cursors, statements, strict=True):
                    cursor.execute(statement.sql, statement.parameters, prepare=True)
        except Exception as error:
            if raw.pgconn.pipeline_status == PipelineStatus.OFF:
                raise
            # Refused at the commit, after every statement had been answered: the driver loses count
            # then, and whatever is asked next would get the answer to something else.
            connection.close()
            raise InternalError(f"what was sent together was not committed: {error}") from error
        return [
            Outcome(cursor.rowcount, cursor.fetchall() if cursor.description else [])
            for cursor in cursors
        ]
