"""What a swap froze, as people read it."""

import json
from collections.abc import Mapping
from typing import Any

from swaps.domain.strategies import steps_of, words_of


def shown_inputs(inputs: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Each input by its name in words, and its value as text."""
    return [
        (name.replace("_", " "), _strategy(value) if name == "strategy" else _text(value))
        for name, value in inputs.items()
    ]


def _strategy(strategy: Mapping[str, Any]) -> str:
    """All of it: who approves it approves each step."""
    header = strategy.get("stickyHeader")
    kept = f"; a caller stays at one version by the header {header}" if header else ""
    return f"{strategy['name']}: {words_of(steps_of(strategy))}{kept}"


def _text(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "–"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    if isinstance(value, dict):
        if all(isinstance(one, str) for one in value.values()):
            return ", ".join(f"{name}: {one}" for name, one in value.items())
        return json.dumps(value, ensure_ascii=False)
    return str(value)
