"""What was seen, as rows. Each write names the stream it speaks for; a late one is void. Those of
nodes are in `node_writes`, those of what nodes applied and serve in `evidence`.

A statement of a write returns the ids of the models whose swaps may go on because of it, so
that whoever waits for them is told; nothing is asked between statements, so that all that was
seen together goes to Postgres in one round trip.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from swaps.db.statements import NEED_NOT_WAIT, Statement, run
from swaps.live.notify import notify_nodes


class Write(Protocol):
    # False: it is seen again when lost, see NEED_NOT_WAIT.
    durable: ClassVar[bool]

    def statements(self) -> Sequence[Statement]: ...


def write_all(writes: Sequence[Write]) -> set[int]:
    """One transaction; returns the models whose swaps may go on, which workers are told of."""
    if not writes:
        return set()
    waits = [] if any(one.durable for one in writes) else [NEED_NOT_WAIT]
    statements = [statement for one in writes for statement in one.statements()]
    models = {row[0] for done in run(*waits, *statements)[len(waits) :] for row in done.rows}
    notify_nodes(models)
    return models


@dataclass(frozen=True, slots=True)
class StreamOf:
    """One node's stream to this router process: who writes, and the guard of each write."""

    nonce: str
    router: uuid.UUID
    stream: uuid.UUID


def guard(of: StreamOf) -> dict[str, Any]:
    """The parameters that a statement names its stream by."""
    return {"nonce": of.nonce, "router": of.router, "stream": of.stream}


def told(change: str, models: str, parameters: Mapping[str, Any]) -> Statement:
    """`models`: of what `change` has `written`, the ids of the models that it matters to."""
    return Statement(
        f"WITH written AS ({change}) SELECT model_id FROM ({models}) AS told",  # noqa: S608 - our own words
        parameters,
    )
