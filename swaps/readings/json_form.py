"""A reading as JSON: exactly what REST answers, from the same types that document it."""

from typing import Any, cast

from pydantic import TypeAdapter

# Building one takes milliseconds; there are about ten.
_adapters: dict[type, TypeAdapter[Any]] = {}


class Reading:
    """Base of the dataclasses that doors show."""

    def as_json(self) -> dict[str, Any]:
        """Ids as strings, times as RFC 3339 UTC with Z, unknown as null."""
        kind = type(self)
        if kind not in _adapters:
            _adapters[kind] = TypeAdapter(kind)
        return cast(dict[str, Any], _adapters[kind].dump_python(self, mode="json"))
