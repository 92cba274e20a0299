"""What is wrong with the parts that Hotswap itself is made of, in words for people: the overview,
`/readyz` and `/metrics` say the same.

Nothing here makes a console less ready: it tells why swaps are slow, or stand.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from swaps.db.statements import Statement, run
from swaps.live.heartbeats import (
    CLOCK_TOLERANCE_SECONDS,
    SILENT_AFTER_SECONDS,
    TOLD_OF_SECONDS,
    clock_ahead,
)
from swaps.live.valkey import valkey_trouble
from swaps.models import PeriodicDuty, ProcessHeartbeat, ProcessKind

# Above it, commits that NOTIFY would fail soon; ours tell after the commit, and are not failed.
NOTIFY_QUEUE_FULL = 0.5
# Of itself a sweep takes a second; a duty that takes longer than this does not work.
SWEEP_LATE_SECONDS = 30.0


class Part(StrEnum):
    WORKERS = "workers"
    ROUTER_PROCESSES = "router processes"
    POSTGRES = "Postgres"
    VALKEY = "Valkey"
    CLOCKS = "clocks"


@dataclass(frozen=True, slots=True)
class Finding:
    """`reason` is a sentence that says what follows, and what to do."""

    part: Part
    reason: str
    grave: bool  # swaps stand, or cannot be commanded
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class PostgresFacts:
    now: datetime
    read_only: bool
    idle_limit_ms: int  # of a transaction that stands still; 0: none
    idle_limit_asked: bool  # by this connection: then 0 is what was wanted
    notify_queue: float  # how full, from 0 to 1
    clock_ahead_seconds: float  # this process' against it


@dataclass(frozen=True, slots=True)
class ServiceHealth:
    postgres: PostgresFacts
    valkey: str  # why it does not answer; "" when it does
    processes: Sequence[ProcessHeartbeat]
    duties: Sequence[PeriodicDuty]

    def silent(self, one: ProcessHeartbeat) -> bool:
        return self.postgres.now - one.beat_at > timedelta(seconds=SILENT_AFTER_SECONDS)

    def of(self, kind: ProcessKind) -> list[ProcessHeartbeat]:
        return [one for one in self.processes if one.kind == kind]

    def findings(self) -> list[Finding]:
        """The gravest first."""
        found = [
            *self._of_processes(ProcessKind.WORKER, Part.WORKERS),
            *self._of_processes(ProcessKind.ROUTER, Part.ROUTER_PROCESSES),
            *self._of_sweeps(),
            *self._of_postgres(),
            *self._of_valkey(),
            *self._of_clocks(),
        ]
        return sorted(found, key=lambda one: not one.grave)

    def _of_processes(self, kind: ProcessKind, part: Part) -> Iterator[Finding]:
        known = self.of(kind)
        living = [one for one in known if not self.silent(one)]
        words = "worker" if kind is ProcessKind.WORKER else "router process"
        if not known and kind is ProcessKind.WORKER:
            reason = "No worker has ever been heard of: no swap goes on until one runs."
            yield Finding(part, reason, grave=True)
            return
        if known and not living:
            last = max(known, key=lambda one: one.beat_at)
            stands = "no swap goes on" if kind is ProcessKind.WORKER else "no route reaches Envoy"
            yield Finding(
                part,
                f"No {words} has been heard of since {_at(last.beat_at)} (the last was "
                f"{last.name}): {stands} until one runs and can write to Postgres.",
                grave=True,
                since=last.beat_at,
            )
            return
        gone = self.postgres.now - timedelta(seconds=TOLD_OF_SECONDS)
        for one in known:
            if self.silent(one) and one.beat_at > gone:
                yield Finding(
                    part,
                    f"The {words} {one.name} has not been heard of since {_at(one.beat_at)}: the "
                    "others go on without it.",
                    grave=False,
                    since=one.beat_at,
                )
        for one in living:
            if one.trouble:
                reason = f"The {words} {one.name} says: {one.trouble.rstrip('.')}."
                yield Finding(part, reason, grave=False)

    def _of_sweeps(self) -> Iterator[Finding]:
        if not any(not self.silent(one) for one in self.of(ProcessKind.WORKER)):
            return  # said already
        swept = next((one.done_at for one in self.duties if one.name == "sweep"), None)
        late = timedelta(seconds=SWEEP_LATE_SECONDS)
        if swept is not None and self.postgres.now - swept > late:
            words = f"Swaps that are due were last looked for at {_at(swept)}"
            reason = f"{words}, though a worker runs: see its log."
            yield Finding(Part.WORKERS, reason, grave=True, since=swept)

    def _of_postgres(self) -> Iterator[Finding]:
        facts = self.postgres
        if facts.notify_queue > NOTIFY_QUEUE_FULL:
            yield Finding(
                Part.POSTGRES,
                f"The NOTIFY queue of Postgres is full to {facts.notify_queue:.0%}: a session that "
                "LISTENs stands still in a transaction. Hotswap goes on, routes reach Envoy a "
                "second later; end that session (pg_stat_activity, idle in transaction).",
                grave=False,
            )
        if not facts.idle_limit_ms and not facts.idle_limit_asked:
            yield Finding(
                Part.POSTGRES,
                "Postgres does not know the time limit of our transactions: a pooler drops what we "
                "connect with (`options`). A process that is stopped would hold its rows for ever; "
                "let the pooler pass it, or connect directly.",
                grave=False,
            )

    def _of_valkey(self) -> Iterator[Finding]:
        if self.valkey:
            yield Finding(
                Part.VALKEY,
                "Valkey does not answer: swaps go on by Postgres alone, a second later; pages show "
                "no live figures.",
                grave=False,
            )

    def _of_clocks(self) -> Iterator[Finding]:
        named = [("this console", self.postgres.clock_ahead_seconds)]
        named += [
            (f"the {one.get_kind_display().lower()} {one.name}", one.clock_ahead_seconds)
            for one in self.processes
            if not self.silent(one)
        ]
        for name, ahead in named:
            if abs(ahead) > CLOCK_TOLERANCE_SECONDS:
                which = "ahead of" if ahead > 0 else "behind"
                yield Finding(
                    Part.CLOCKS,
                    f"The clock of {name} is {abs(ahead):.0f} s {which} Postgres': swaps go by "
                    "Postgres', but logs and certificates by its own. Synchronise it (NTP).",
                    grave=False,
                )


def read_service_health() -> ServiceHealth:
    """Raises DatabaseError where Postgres cannot be read."""
    return ServiceHealth(
        postgres=read_postgres(),
        valkey=valkey_trouble(),
        processes=list(ProcessHeartbeat.objects.all()),
        duties=list(PeriodicDuty.objects.order_by("name")),
    )


_FACTS = Statement(
    "SELECT clock_timestamp(),"
    " pg_is_in_recovery() OR current_setting('default_transaction_read_only')::bool,"
    " limits.setting::int, limits.source = 'client', pg_notification_queue_usage()"
    " FROM pg_settings limits WHERE limits.name = 'idle_in_transaction_session_timeout'",
    {},
)


def read_postgres() -> PostgresFacts:
    """What this connection meets: a pooler in between is part of it."""
    facts, clock = run(_FACTS, clock_ahead())
    ((now, read_only, limit, asked, queue),) = facts.rows
    return PostgresFacts(now, read_only, limit, asked, queue, clock.rows[0][0])


def _at(time: datetime) -> str:
    return f"{time:%H:%M:%S} UTC"
