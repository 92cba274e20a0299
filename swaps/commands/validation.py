"""Rows that people make: checked before they are saved, and their names taken once."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import Model
from psycopg.errors import ForeignKeyViolation

from swaps.commands.errors import InvalidRequest


def require_valid(row: Model, kind: str, name: str) -> None:
    """Raises InvalidRequest, for the first field that is not."""
    try:
        row.full_clean()
    except ValidationError as error:
        field, messages = next(iter(error.message_dict.items()))
        raise InvalidRequest(field, f"{kind} {name}: {' '.join(messages)}") from error


@contextmanager
def named_once(kind: str, name: str) -> Iterator[None]:
    """Of two that are made at the same moment the database keeps one; the other is told."""
    try:
        yield
    except IntegrityError as error:
        if isinstance(error.__cause__, ForeignKeyViolation):
            raise InvalidRequest(
                "default_strategy", "that strategy was deleted meanwhile: choose another"
            ) from error
        raise InvalidRequest("name", f"{kind} {name} exists already") from error
