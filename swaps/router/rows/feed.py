"""Keeps the snapshot as the rows are: told by NOTIFY, correct without it."""

import asyncio
import os
import selectors
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import structlog
from django.db import connection

from swaps.db.writability import OUTAGE
from swaps.live.notify import ROUTES_CHANNEL
from swaps.router.port import Built
from swaps.router.rows.reads import read_models
from swaps.router.rows.writer import close_connection

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
RETRY_SECONDS = 0.2

ALL = 0  # among ids of models: all of them; no row has this key


class StateFeed[B: Built]:
    """The present snapshot, and calls of `on_change` when another one took its place.

    One thread listens, reads and builds on one connection: between a commit and the tables that
    go to Envoy nobody waits for another thread's turn.
    """

    def __init__(self, empty: B) -> None:
        """`empty`: what the router behind this builds of no rows."""
        self.snapshot = empty
        self._listeners: set[Callable[[], None]] = set()
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._built = empty  # the thread's, which the loop is about to take
        self._changed: set[int] = set()
        self._look_again_at = 0.0
        self._following = ThreadPoolExecutor(1, thread_name_prefix="follow")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="reads")
        self._woken, self._wake = os.pipe()
        self._closed = False

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call on each new snapshot, until the returned function is called."""
        self._listeners.add(call)
        return lambda: self._listeners.discard(call)

    async def reread(self) -> B:
        """All rows as they are after this call; waits for as long as Postgres is away."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(done)
        os.write(self._wake, b"\0")
        await done
        return self.snapshot

    async def in_reading_thread[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a small read of the database beside the feed's own."""
        return await asyncio.get_running_loop().run_in_executor(
            self._reading, _reading, read, *args
        )

    async def run(self) -> None:
        """Until closed."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._following, self._follow, loop)

    def close(self) -> None:
        self._closed = True
        os.write(self._wake, b"\0")
        self._following.shutdown(wait=True)
        self._reading.submit(close_connection)
        self._reading.shutdown(wait=True)
        os.close(self._woken)
        os.close(self._wake)

    # --- in the thread that follows the rows

    def _follow(self, loop: asyncio.AbstractEventLoop) -> None:
        away = False
        while not self._closed:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(f'LISTEN "{ROUTES_CHANNEL}"')
                if away:
                    log.info("Postgres is back; the routes are read again")
                away = False
                self._follow_what_is_told(loop)
            except OUTAGE as error:
                connection.close()
                if not away:
                    log.error(
                        "Postgres is not reachable; routers serve on with what they have",
                        reason=str(error).strip(),
                    )
                away = True
                time.sleep(RETRY_SECONDS)
        connection.close()

    def _follow_what_is_told(self, loop: asyncio.AbstractEventLoop) -> None:
        self._changed = {ALL}  # for what was told while nobody listened
        connection.connection.add_notify_handler(self._hear)
        with selectors.DefaultSelector() as readable:
            readable.register(self._woken, selectors.EVENT_READ)
            readable.register(connection.connection, selectors.EVENT_READ)
            while not self._closed:
                told, self._changed = self._changed, set()
                self._read(loop, told)
                self._listen(readable)

    def _listen(self, readable: selectors.BaseSelector) -> None:
        """Returns once something was heard, or all is to be looked at again."""
        self._hear_what_came()
        while not self._changed:
            left = self._look_again_at - time.monotonic()
            if left <= 0:
                self._changed.add(ALL)
                return
            for key, _ in readable.select(left):
                if key.fd == self._woken:
                    os.read(self._woken, 4096)
                    self._changed.add(ALL)
            self._hear_what_came()

    def _hear_what_came(self) -> None:
        # Not by `notifies`, which waits for the socket to be readable: what came along with the
        # answer of the last read has been taken from it already.
        raw = connection.connection.pgconn
        with connection.wrap_database_errors:
            raw.consume_input()
            while told := raw.notifies():
                self._changed.add(int(told.extra or ALL))

    def _hear(self, told: psycopg.Notify) -> None:
        """What comes while something is asked on this connection."""
        self._changed.add(int(told.payload or ALL))

    def _read(self, loop: asyncio.AbstractEventLoop, told: set[int]) -> None:
        waiting = len(self._waiters)
        everything = ALL in told
        read = read_models(None if everything else told)
        if everything:
            # A notification can be lost with its connection; the rows cannot.
            self._look_again_at = time.monotonic() + POLL_SECONDS
        before = self._built
        self._built = before.with_models(read, forget_others=everything)
        # Who came while all was read waits for the next time.
        waiters = [self._waiters.popleft() for _ in range(waiting if everything else 0)]
        if waiters or self._built is not before:
            loop.call_soon_threadsafe(self._take, self._built, waiters)

    # --- in the loop

    def _take(self, snapshot: B, waiters: list[asyncio.Future[None]]) -> None:
        before, self.snapshot = self.snapshot, snapshot
        if snapshot is not before:
            self._tell(before)
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    def _tell(self, before: B) -> None:
        for event, about in self.snapshot.problems_since(before):
            log.error(event, **about)
        for call in list(self._listeners):
            call()


def _reading[*Ts, T](read: Callable[[*Ts], T], *args: *Ts) -> T:
    try:
        return read(*args)
    except OUTAGE:
        connection.close()  # the next use opens another
        raise
