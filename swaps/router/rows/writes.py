"""What was reported, as rows. Each write names the stream it speaks for; a late one is void. Those
of nodes are in `node_writes`, those of what nodes applied and serve in `evidence`.

A statement of a write returns the ids of the models whose swaps may go on because of it, so
that whoever waits for them is told; nothing is asked between statements, so that all that was
seen together goes to Postgres in one round trip.
"""

from collections.abc import Sequence
from typing import ClassVar, Protocol

from swaps.db.statements import NEED_NOT_WAIT, Statement, run
from swaps.live.notify import notify_nodes
from swaps.router.port import (
    ClusterSeen,
    NodeAway,
    NodeConnected,
    NodeRefusal,
    Proven,
    Report,
    RouteNacked,
    RouteTaken,
)
from swaps.router.rows import evidence, node_writes


class OfProcess(Protocol):
    """What the router process says of itself."""

    # False: it is said again when lost, see NEED_NOT_WAIT.
    durable: ClassVar[bool]

    def statements(self) -> Sequence[Statement]: ...


type Write = Report | OfProcess


def write_all(writes: Sequence[Write]) -> set[int]:
    """One transaction; returns the models whose swaps may go on, which workers are told of."""
    if not writes:
        return set()
    waits = [] if any(one.durable for one in writes) else [NEED_NOT_WAIT]
    statements = [statement for one in writes for statement in _statements_of(one)]
    models = {row[0] for done in run(*waits, *statements)[len(waits) :] for row in done.rows}
    notify_nodes(models)
    return models


def _statements_of(write: Write) -> Sequence[Statement]:
    match write:
        case RouteTaken():
            return evidence.route_taken(write)
        case RouteNacked():
            return evidence.route_nacked(write)
        case ClusterSeen():
            return evidence.cluster_seen(write)
        case Proven():
            return evidence.proven(write)
        case NodeConnected():
            return node_writes.node_connected(write)
        case NodeAway():
            return node_writes.node_away(write)
        case NodeRefusal():
            return node_writes.node_refusal(write)
        case _:
            return write.statements()
