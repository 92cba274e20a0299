"""Lists in pages, by key: a page costs the same however far down it is, and none is huge."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from django.db.models import Model, QuerySet

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class CursorInvalid(ValueError):
    """A cursor that no list of ours gave out."""


@dataclass(frozen=True, slots=True)
class Page[T]:
    items: list[T]
    cursor: str | None  # where the next page begins; None: this is the last


def from_name[M: Model](
    found: QuerySet[M], cursor: str | None, *, descending: bool, column: str = "name"
) -> QuerySet[M]:
    """In the order of this column, which tells the rows apart, from the cursor on.

    Raises CursorInvalid.
    """
    if cursor is not None:
        beyond = "lt" if descending else "gt"
        found = found.filter(**{f"{column}__{beyond}": from_cursor(cursor, str)[0]})
    return found.order_by(f"-{column}" if descending else column)


def cut[Row, T](
    rows: Sequence[Row], limit: int, key: Callable[[Row], list[str | int]], items: list[T]
) -> Page[T]:
    """`rows` were asked for with one more than `limit`; `items` are the first `limit` of them."""
    more = len(rows) > limit
    return Page(items, to_cursor(key(rows[limit - 1])) if more else None)


def to_cursor(key: list[str | int]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def from_cursor(cursor: str, *kinds: type) -> list[str | int]:
    """The key in a cursor, one value for each of `kinds`. Raises CursorInvalid."""
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        key = json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise CursorInvalid("the cursor is not one that a list gave") from error
    if not isinstance(key, list) or [type(value) for value in key] != list(kinds):
        raise CursorInvalid("the cursor is of another list")
    # What the database could not even look for: a NUL, half of a surrogate pair.
    if any(isinstance(text, str) and not text.isprintable() for text in key):
        raise CursorInvalid("the cursor is not one that a list gave")
    return key
