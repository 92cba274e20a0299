"""Statements that tell whom their change matters to, and name the stream that they speak for."""

from collections.abc import Mapping
from typing import Any

from swaps.db.statements import Statement
from swaps.router.port import StreamOf


def guard(of: StreamOf) -> dict[str, Any]:
    """The parameters that a statement names its stream by."""
    return {"nonce": of.nonce, "router": of.router, "stream": of.stream}


def told(change: str, models: str, parameters: Mapping[str, Any]) -> Statement:
    """`models`: of what `change` has `written`, the ids of the models that it matters to."""
    return Statement(
        f"WITH written AS ({change}) SELECT model_id FROM ({models}) AS told",  # noqa: S608 - our own words
        parameters,
    )
