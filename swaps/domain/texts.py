"""Texts from outside, fit for a row, a log line and a page. Postgres takes no NUL character.

What people ask for with one is refused (`require_storable`); what is put on record about them is
kept all the same (`storable`); what hosts say is made printable by their adapter (`sentence`).
JSON that somebody typed is read by `read_json` at every door.
"""

import json
from typing import Any

LONGEST_SENTENCE = 2000
# Far more than any request of an inference has; whoever walks through it stays within its stack.
DEEPEST_JSON = 100


class NotJson(ValueError):
    """The message is a sentence for whoever wrote it."""


def read_json(text: str | bytes, *, stored: bool = True) -> Any:
    """`stored`: it is to be kept as it is, so it holds no text that Postgres cannot keep.

    Raises NotJson, whatever may be wrong with it.
    """
    try:
        value = json.loads(text, parse_constant=_no_number)
    except RecursionError as error:
        raise NotJson("This is nested too deeply to be read.") from error
    except ValueError as error:
        raise NotJson(f"This is not JSON: {str(error).rstrip('.')}.") from error
    level, depth = [value], 0
    while level:
        depth += 1
        if depth > DEEPEST_JSON:
            raise NotJson(f"This is nested more than {DEEPEST_JSON} levels deep.")
        if stored and not all(_is_storable(one) for one in level):
            raise NotJson("This holds a NUL character or half a surrogate pair.")
        level = [inner for one in level for inner in _within(one)]
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number in JSON")


def _within(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return value if isinstance(value, list) else []


def _is_storable(value: Any) -> bool:
    return not isinstance(value, str) or not any(
        c == "\x00" or "\ud800" <= c <= "\udfff" for c in value
    )


def require_storable(text: str) -> str:
    """Raises ValueError, as pydantic's validators do."""
    if "\x00" in text:
        raise ValueError("a NUL character is not allowed")
    return text


def storable(text: str, longest: int) -> str:
    return text.replace("\x00", "�")[:longest]


def sentence(raw: object, longest: int = LONGEST_SENTENCE) -> str:
    """Bounded, and printable alone; "" for nothing."""
    text = str(raw)[:longest] if raw else ""
    return "".join(c if c.isprintable() else " " for c in text).strip()
