"""When hosts are looked after: each in rounds of its own, side by side with all others.

A round asks a host who it is and what it has, outside of any worker's turn and without a
connection to the database, and then acts on the answer. A host's rounds never overlap, in any
process: its row says until when one is under way. One that hangs holds one thread of those kept
for hosts that did not answer the last time, so it slows nobody but itself. While a host loads
what it lost, its rounds follow one another: the next load begins as soon as there is room for it.
"""

import threading
from collections.abc import Collection, Iterator
from concurrent.futures import Future, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import structlog
from django.db import connection

from swaps.db.statements import Statement, run
from swaps.db.writability import OUTAGE
from swaps.engine.hosts.addresses import ForbiddenAddress, NotResolved, pin
from swaps.engine.hosts.lanes import Lanes, Writers
from swaps.engine.hosts.reconcile import finish_cleanups, reconcile_host
from swaps.engine.hosts.reports import Report, ask_host
from swaps.models import ModelHost
from swaps.models.hosts import HostHealth

log = structlog.get_logger("swaps.engine")

# Longer than a round takes; should its process die, so long nobody looks after the host.
ROUND = timedelta(seconds=30)
# How soon a host that loads is looked at again: a model on it is up to so much later than it could
# be. Slow loads are looked at less often, since each look costs the host something.
SOON_SECONDS = 0.05
SLOWEST_SECONDS = 1.0

Asked = Future[tuple[Report, str]]


@dataclass(frozen=True, slots=True)
class _Round:
    host: ModelHost
    began_at: datetime  # by the database's clock
    until: datetime
    pause: float  # seconds before the next one, should the host still load


class _Rounds:
    def __init__(self) -> None:
        # Threads begin when they are needed; the many are for hosts that answer in milliseconds.
        self._answering = Lanes(threads=32, a_host=1, name="ask-host")
        self._silent = Lanes(threads=8, a_host=1, name="ask-silent-host")
        self._acting = Writers(4, "reconcile")
        self._lock = threading.Lock()
        self._under_way: set[int] = set()
        self._following: dict[int, threading.Timer] = {}

    def begin(self, hosts: Collection[int] | None = None, *, pause: float = SOON_SECONDS) -> None:
        """A round at these hosts, or at all of them, but for those in one. Returns at once."""
        for one in self._claim(hosts, pause):
            self._ask(one).add_done_callback(partial(self._act_soon, one))

    def complete(self) -> None:
        """A round at every host that is in none, to its end."""
        asked = {self._ask(one): one for one in self._claim(None, SOON_SECONDS)}
        away = None
        for future in as_completed(asked):
            try:
                with self._ending(asked[future]):
                    _act_on(asked[future], future)
            except OUTAGE as error:
                away = error  # each round is ended all the same
        if away is not None:
            raise away

    def stop(self) -> None:
        """Await what is under way; nothing follows it."""
        self._answering.stop()
        self._silent.stop()
        self._acting.stop()
        for timer in self._following.values():
            timer.cancel()

    def _claim(self, hosts: Collection[int] | None, pause: float) -> list[_Round]:
        with self._lock:
            here = sorted(self._under_way)
        (found,) = run(_claim(hosts, here))
        rows = ModelHost.objects.in_bulk([pk for pk, _, _ in found.rows])
        with self._lock:
            self._under_way |= set(rows)
        return [
            _Round(rows[pk], began_at, until, pause)
            for pk, began_at, until in found.rows
            if pk in rows
        ]

    def _ask(self, one: _Round) -> Asked:
        silent = one.host.health == HostHealth.UNREACHABLE
        lanes = self._silent if silent else self._answering
        return lanes.submit(one.host.pk, partial(_ask, one.host))

    def _act_soon(self, one: _Round, asked: Asked) -> None:
        self._acting.submit(partial(self._act, one, asked))

    def _act(self, one: _Round, asked: Asked) -> None:
        with self._ending(one):
            again = _act_on(one, asked)
        if again:
            self._again(one)

    @contextmanager
    def _ending(self, one: _Round) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(one.host.pk)
            mine = ModelHost.objects.filter(pk=one.host.pk, round_until=one.until)
            mine.update(round_until=None)

    def _again(self, one: _Round) -> None:
        slower = min(one.pause * 1.2, SLOWEST_SECONDS)
        begin = partial(self.begin, [one.host.pk], pause=slower)
        timer = threading.Timer(one.pause, self._acting.submit, [begin])
        timer.daemon = True
        self._following[one.host.pk] = timer
        timer.start()


def _claim(hosts: Collection[int] | None, but: list[int]) -> Statement:
    return Statement(
        """
        UPDATE swaps_modelhost SET round_until = statement_timestamp() + %(round)s
         WHERE (round_until IS NULL OR round_until < statement_timestamp())
           AND (%(hosts)s::bigint[] IS NULL OR id = ANY(%(hosts)s::bigint[]))
           AND id <> ALL(%(but)s::bigint[])
        RETURNING id, statement_timestamp(), round_until
        """,
        {"round": ROUND, "hosts": None if hosts is None else sorted(hosts), "but": but},
    )


def _ask(host: ModelHost) -> tuple[Report, str]:
    """What it says, and a sentence about its address."""
    try:
        moved = pin(host)
    except (NotResolved, ForbiddenAddress) as error:
        return Report(error), ""
    finally:
        connection.close()  # of this thread; an address that changed was written
    return ask_host(host), moved


def _act_on(one: _Round, asked: Asked) -> bool:
    """Returns whether the host is to be looked at again soon."""
    try:
        report, moved = asked.result()
        return reconcile_host(one.host, report, moved=moved, asked_at=one.began_at)
    except OUTAGE:
        raise
    except Exception:
        # Whatever a host says, or makes of what it is asked: it fails nobody else's round.
        log.exception("host not reconciled", host=one.host.name)
        return False


_rounds = _Rounds()


def begin_rounds() -> None:
    """At all hosts, side by side; returns at once. What cleanups left to do is seen to here."""
    _rounds.begin()
    finish_cleanups()


def reconcile() -> None:
    """One round at each host, to its end; what loads then is not waited for."""
    _rounds.complete()
    finish_cleanups()


stop_rounds = _rounds.stop
