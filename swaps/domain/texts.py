"""Texts from outside, fit for a row, a log line and a page. Postgres takes no NUL character.

What people ask for with one is refused (`require_storable`); what is put on record about them is
kept all the same (`storable`); what hosts say is made printable by their adapter (`sentence`).
"""

LONGEST_SENTENCE = 2000


def require_storable(text: str) -> str:
    """Raises ValueError, as pydantic's validators do."""
    if "\x00" in text:
        raise ValueError("a NUL character is not allowed")
    return text


def storable(text: str, longest: int) -> str:
    return text.replace("\x00", "�")[:longest]


def sentence(said: object, longest: int = LONGEST_SENTENCE) -> str:
    """Bounded, and printable alone; "" for nothing."""
    text = str(said)[:longest] if said else ""
    return "".join(c if c.isprintable() else " " for c in text).strip()
