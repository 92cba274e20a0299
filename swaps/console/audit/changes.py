"""What an audit entry changed, one thing after the other."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Change:
    """One thing before and after; None where it was not there."""

    name: str
    before: str | None
    after: str | None

    @property
    def kind(self) -> str:
        if self.before == self.after:
            return "same"
        return "added" if self.before is None else "removed" if self.after is None else "changed"


def changes(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[Change]:
    """What differs first, each in the order in which it was told."""
    before, after = before or {}, after or {}
    names = [*before, *(name for name in after if name not in before)]
    found = [Change(name, _text(before, name), _text(after, name)) for name in names]
    return sorted(found, key=lambda change: change.kind == "same")


def _text(values: Mapping[str, Any], name: str) -> str | None:
    if name not in values:
        return None
    value = values[name]
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
