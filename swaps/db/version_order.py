"""The order of versions where Postgres sorts them; in Python it is swaps.domain.names'."""

from django.db.models import CharField, F, Func, Value

from swaps.domain.names import DIGITS

_ANY_NUMBER, _ITS_END = "([0-9]+)", f"[0-9]*([0-9]{{{DIGITS}}})"


def version_order(column: str) -> Func:
    """As people count: each number is filled up with zeros, so 1.9 comes before 1.10."""
    filled = _replace(F(column), _ANY_NUMBER, "0" * DIGITS + r"\1")
    return _replace(filled, _ITS_END, r"\1")


def _replace(text: F | Func, pattern: str, by: str) -> Func:
    return Func(
        text,
        Value(pattern),
        Value(by),
        Value("g"),
        function="regexp_replace",
        output_field=CharField(),
    )
