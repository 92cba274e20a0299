"""The one thread that writes: in order, many writes a transaction, through any outage."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from queue import Empty, SimpleQueue

import structlog
from django.db import DatabaseError, InterfaceError, OperationalError, connection

from swaps.live.wake import wake_swaps_of
from swaps.router.writes import Write, write_all

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.2

OUTAGE = (OperationalError, InterfaceError)


def close_connection() -> None:
    """The connection of the thread that runs this: `connection` stands for another in each."""
    connection.close()


# Seen together, to be written together; and who waits until they are.
_Told = tuple[Sequence[Write], asyncio.Future[None] | None]


class RowWriter:
    """Takes writes at once and commits them soon; what was seen is not lost to an outage.

    After each commit the swaps it touches are woken, in another thread: a Valkey that
    hangs must not hold up acks and proofs.
    """

    def __init__(self, *, wake: Callable[[Iterable[int]], None] = wake_swaps_of) -> None:
        self._wake = wake
        # Called when Postgres is back. Acks and proofs do not wait for the disk, so a Postgres
        # that crashed may have lost the last of them: they must be told again.
        self.on_return: Callable[[], None] = lambda: None
        # The writing thread takes from it by itself: an ack does not wait for the loop's turn.
        self._told: SimpleQueue[_Told] = SimpleQueue()
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._waking = ThreadPoolExecutor(1, thread_name_prefix="wake")
        self._to_wake: set[int] = set()
        self._wakes: asyncio.Future[None] | None = None
        self._closed = False

    def add(self, *writes: Write) -> None:
        """Queue; returns at once."""
        if writes:
            self._told.put((writes, None))

    async def committed(self, *writes: Write) -> None:
        """Queue, and return once they are committed, however long Postgres is away."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._told.put((writes, done))
        await done

    async def flushed(self) -> None:
        """Return once all that was queued before is written."""
        await self.committed()

    async def run(self) -> None:
        """Until closed."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._writing, self._write_what_is_told, loop)

    def close(self) -> None:
        self._to_wake.clear()
        self._closed = True
        self._told.put(((), None))  # which ends its waiting
        self._writing.shutdown(wait=True)
        self._waking.submit(close_connection)
        self._waking.shutdown(wait=True, cancel_futures=False)

    # --- in the thread that writes

    def _write_what_is_told(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closed:
            told = [self._told.get()]
            with suppress(Empty):
                while True:
                    told.append(self._told.get_nowait())
            models = self._commit(loop, [write for writes, _ in told for write in writes])
            waiting = [done for _, done in told if done is not None]
            if models or waiting:
                loop.call_soon_threadsafe(self._committed, loop, models, waiting)
        connection.close()

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: list[Write]) -> set[int]:
        away = False
        while not self._closed:
            try:
                models = _write_all(batch)
            except OUTAGE as error:
                if not away:
                    log.error(
                        "Postgres is not reachable; routers serve on, acks and proofs wait",
                        reason=str(error).strip(),
                    )
                away = True
                time.sleep(RETRY_SECONDS)
                continue
            if away:
                log.info("Postgres is back; acks and proofs are told again")
                loop.call_soon_threadsafe(self.on_return)
            return models
        return set()

    # --- in the loop

    def _committed(
        self,
        loop: asyncio.AbstractEventLoop,
        models: set[int],
        waiting: list[asyncio.Future[None]],
    ) -> None:
        for done in waiting:
            if not done.done():
                done.set_result(None)
        self._wake_soon(loop, models)

    def _wake_soon(self, loop: asyncio.AbstractEventLoop, models: set[int]) -> None:
        self._to_wake |= models
        if self._to_wake and not self._closed and (self._wakes is None or self._wakes.done()):
            models, self._to_wake = self._to_wake, set()
            self._wakes = loop.run_in_executor(self._waking, self._wake_now, models)
            self._wakes.add_done_callback(lambda _: self._wake_soon(loop, set()))

    def _wake_now(self, models: set[int]) -> None:
        try:
            self._wake(models)
        except OUTAGE as error:
            connection.close()
            log.warning(
                "wake-up not sent, the sweep will find the swaps", reason=str(error).strip()
            )


def _write_all(batch: list[Write]) -> set[int]:
    try:
        return write_all(batch)
    except OUTAGE:
        connection.close()
        raise
    except DatabaseError:
        if len(batch) == 1:
            log.exception("a row could not be written and is left out", write=repr(batch[0]))
            return set()
        # One write that Postgres refuses must not take the others with it.
        return {model for write in batch for model in _write_all([write])}
