"""What was seen, as rows. Each write names the stream it speaks for; a late one is void. Those of
nodes are in `node_writes`, those of what nodes applied and serve in `evidence`.

A statement of a write returns the ids of the models whose swaps may go on because of it, and
tells whoever waits for them; nothing is asked between statements, so that all that was seen
together goes to Postgres in one round trip.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from swaps.live.notify import NODES_CHANNEL
from swaps.models.statements import Statement, run

_NEED_NOT_WAIT = Statement("SELECT set_config('synchronous_commit', 'off', true)", {})


class Write(Protocol):
    # False: seen again when lost, so its commit need not wait for the disk. Whoever decides
    # by it commits durably, and that carries it along.
    durable: ClassVar[bool]

    def statements(self) -> Sequence[Statement]: ...


def write_all(writes: Sequence[Write]) -> set[int]:
    """One transaction; returns the models whose swaps may go on."""
    if not writes:
        return set()
    waits = [] if any(one.durable for one in writes) else [_NEED_NOT_WAIT]
    statements = [statement for one in writes for statement in one.statements()]
    return {row[0] for done in run(*waits, *statements)[len(waits) :] for row in done.rows}


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
        f"WITH written AS ({change}) SELECT model_id, pg_notify('{NODES_CHANNEL}', model_id::text)"  # noqa: S608 - our own words
        f" FROM ({models}) AS told",
        parameters,
    )
