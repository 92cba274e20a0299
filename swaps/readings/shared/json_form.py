"""A reading as JSON: exactly what REST answers, from the same types that document it."""

from collections.abc import Iterable
from typing import Any, cast

from pydantic import TypeAdapter, WithJsonSchema

# Building one takes milliseconds; there are about ten.
_adapters: dict[type, TypeAdapter[Any]] = {}


def one_of(words: Iterable[str]) -> WithJsonSchema:
    """For the document: a text that is always one of these words."""
    return WithJsonSchema({"type": "string", "enum": [str(word) for word in words]})


class Reading:
    """Base of the dataclasses that doors show."""

    def as_json(self) -> dict[str, Any]:
        """Ids as strings, times as RFC 3339 UTC with Z, unknown as null."""
        kind = type(self)
        if kind not in _adapters:
            _adapters[kind] = TypeAdapter(kind)
        return cast(dict[str, Any], _adapters[kind].dump_python(self, mode="json"))
