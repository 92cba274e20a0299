"""Keeps the snapshot as the rows are: told by NOTIFY, correct without it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import structlog
from django.db import connection

from swaps.live.notify import ROUTES_CHANNEL
from swaps.router.reads import read_models
from swaps.router.row_writer import OUTAGE, close_connection
from swaps.router.snapshot import Snapshot

log = structlog.get_logger(__name__)

POLL_SECONDS = 1.0
RETRY_SECONDS = 0.2


class StateFeed:
    """The present snapshot, and calls of `on_change` when another one took its place."""

    def __init__(self) -> None:
        self.snapshot = Snapshot()
        self.loaded = asyncio.Event()
        self._listeners: set[Callable[[], None]] = set()
        self._dirty: set[int] = set()
        self._all_dirty = True
        self._waiters: list[asyncio.Future[None]] = []
        self._something = asyncio.Event()
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="reads")

    def on_change(self, call: Callable[[], None]) -> Callable[[], None]:
        """Call on each new snapshot, until the returned function is called."""
        self._listeners.add(call)
        return lambda: self._listeners.discard(call)

    async def reread(self) -> Snapshot:
        """All rows as they are after this call; waits for as long as Postgres is away."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(done)
        self._look_at(None)
        await done
        return self.snapshot

    async def in_reading_thread[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        """Run a small read of the database beside the feed's own."""
        return await asyncio.get_running_loop().run_in_executor(
            self._reading, _reading, read, *args
        )

    def _look_at(self, model_id: int | None) -> None:
        if model_id is None:
            self._all_dirty = True
        else:
            self._dirty.add(model_id)
        self._something.set()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._read_forever())
            tasks.create_task(self._listen_forever())
            tasks.create_task(self._poll_forever())

    def close(self) -> None:
        self._reading.submit(close_connection)
        self._reading.shutdown(wait=True)

    async def _poll_forever(self) -> None:
        # A notification can be lost with its connection; the rows cannot.
        while True:
            self._look_at(None)
            await asyncio.sleep(POLL_SECONDS)

    async def _read_forever(self) -> None:
        away = False
        while True:
            await self._something.wait()
            self._something.clear()
            everything, dirty, waiters = self._all_dirty, self._dirty, self._waiters
            self._all_dirty, self._dirty, self._waiters = False, set(), []
            try:
                read = await self.in_reading_thread(
                    read_models, None if everything else frozenset(dirty)
                )
            except OUTAGE as error:
                if not away:
                    log.error(
                        "Postgres is not reachable; routers serve on with what they have",
                        reason=str(error).strip(),
                    )
                away = True
                self._all_dirty = True
                self._waiters += waiters
                self._something.set()
                await asyncio.sleep(RETRY_SECONDS)
                continue
            if away:
                log.info("Postgres is back; the routes were read again")
                away = False
            self._take(self.snapshot.with_models(read, forget_others=everything))
            if everything:
                self.loaded.set()
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    def _take(self, snapshot: Snapshot) -> None:
        if snapshot is self.snapshot:
            return
        before, self.snapshot = self.snapshot, snapshot
        for pk, model in snapshot.models.items():
            old = before.models.get(pk)
            if model.problem and (old is None or old.problem != model.problem):
                log.error("route not pushed", model=model.desired.name, reason=model.problem)
        for call in list(self._listeners):
            call()

    async def _listen_forever(self) -> None:
        """On a connection of its own, not through a transaction pool: LISTEN needs it kept."""
        while True:
            try:
                await self._listen()
            except psycopg.OperationalError as error:
                log.warning("LISTEN lost; polling until it is back", reason=str(error).strip())
                await asyncio.sleep(RETRY_SECONDS)

    async def _listen(self) -> None:
        parameters: dict[str, Any] = connection.get_connection_params()
        parameters = {
            key: value
            for key, value in parameters.items()
            if key not in {"cursor_factory", "context", "server_side_binding"}
        }
        listening = await psycopg.AsyncConnection.connect(**parameters, autocommit=True)
        async with listening:
            await listening.execute(f'LISTEN "{ROUTES_CHANNEL}"')
            # What was told while nobody listened.
            self._look_at(None)
            async for told in listening.notifies():
                self._look_at(int(told.payload) if told.payload else None)


def _reading[*Ts, T](read: Callable[[*Ts], T], *args: *Ts) -> T:
    try:
        return read(*args)
    except OUTAGE:
        connection.close()  # the next use opens another
        raise
