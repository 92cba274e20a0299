"""That a process lives, as a row: written by workers and router processes, read by whoever asks
why nothing moves. By Postgres' clock; how far their own is off comes along.
"""

import time
import uuid
from dataclasses import dataclass, field

from swaps.db.statements import Statement
from swaps.models.processes import ProcessKind

BEAT_SECONDS = 5.0
# Three beats in a row did not come.
SILENT_AFTER_SECONDS = 15.0
# One that fell silent is told of for so long, then it is taken as gone for good.
TOLD_OF_SECONDS = 600.0
# Beyond it people are told: what a person reads in two places' logs is in another order by then.
CLOCK_TOLERANCE_SECONDS = 2.0

_BEAT = """
INSERT INTO swaps_processheartbeat AS p (id, kind, name, clock_ahead_seconds, trouble, beat_at)
VALUES (%(id)s, %(kind)s, %(name)s,
        %(clock)s::float8 - extract(epoch FROM clock_timestamp())::float8, %(trouble)s, now())
ON CONFLICT (id) DO UPDATE SET beat_at = excluded.beat_at, trouble = excluded.trouble,
       clock_ahead_seconds = excluded.clock_ahead_seconds
"""
# Those whose place it took, and those gone long ago: however often processes die, their rows do
# not pile up. The last one of all stays.
_FORGET_SILENT = """
DELETE FROM swaps_processheartbeat
 WHERE kind = %(kind)s AND id <> %(id)s
   AND (beat_at < now() - make_interval(secs => %(told_of)s)
        OR name = %(name)s AND beat_at < now() - make_interval(secs => %(silent)s))
"""


@dataclass(frozen=True, slots=True)
class Pulse:
    """One run of one process."""

    kind: ProcessKind
    name: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def beat(self, trouble: str = "") -> list[Statement]:
        """`trouble`: what it cannot do just now, in words. They return no rows."""
        about = {"id": self.id, "kind": self.kind.value, "name": self.name[:255]}
        return [
            Statement(_BEAT, about | {"clock": time.time(), "trouble": trouble}),
            Statement(
                _FORGET_SILENT,
                about | {"told_of": TOLD_OF_SECONDS, "silent": SILENT_AFTER_SECONDS},
            ),
        ]

    def end(self) -> Statement:
        """It ends in order, so nobody misses it."""
        return Statement("DELETE FROM swaps_processheartbeat WHERE id = %(id)s", {"id": self.id})


def clock_ahead() -> Statement:
    """Returns by how many seconds this machine's clock is ahead of Postgres'."""
    return Statement(
        "SELECT %(clock)s::float8 - extract(epoch FROM clock_timestamp())::float8",
        {"clock": time.time()},
    )
