"""The one thread that writes: in order, many writes a transaction, through any outage.

A write that Postgres refuses by itself is left out, and whoever waits for it is told: what is no
row does not count as one. What was only told (acks, proofs, members, refusals) is told again after
a while, for as long as it is refused; who went is found by the lease.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

import structlog
from django.db import DatabaseError, OperationalError, connection

from swaps.db.writability import OUTAGE, refused_write
from swaps.live.wake import wake_swaps_of
from swaps.router.port import NotWritten
from swaps.router.rows.writes import Write, write_all

log = structlog.get_logger(__name__)

THE_END = "the router process ends"
RETRY_SECONDS = 0.2
TELL_AGAIN_SECONDS = 5.0


def close_connection() -> None:
    """The connection of the thread that runs this: `connection` stands for another in each."""
    connection.close()


# Seen together, to be written together; and who waits until they are.
_Told = tuple[Sequence[Write], asyncio.Future[None] | None]


@dataclass(slots=True)
class _Written:
    """`models`: whose swaps may go on; `refused`: by the write's place in the batch, why."""

    models: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)


class RowWriter:
    """Takes writes at once and commits them soon; what was seen is not lost to an outage.

    After each commit the swaps it touches are woken, in another thread: a Valkey that
    hangs must not hold up acks and proofs.
    """

    def __init__(self, *, wake: Callable[[Iterable[int]], None] = wake_swaps_of) -> None:
        self._wake = wake
        # Called when Postgres is back, and while it refuses something. Acks and proofs do not wait
        # for the disk, so a Postgres that crashed may have lost the last of them: they must be
        # told again.
        self.on_return: Callable[[], None] = lambda: None
        # The writing thread takes from it by itself: an ack does not wait for the loop's turn.
        self._told: SimpleQueue[_Told] = SimpleQueue()
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="rows")
        self._waking = ThreadPoolExecutor(1, thread_name_prefix="wake")
        self._to_wake: set[int] = set()
        self._wakes: asyncio.Future[None] | None = None
        self._telling: asyncio.TimerHandle | None = None
        self._closed = False

    def add(self, *writes: Write) -> None:
        """Queue; returns at once."""
        if writes:
            self._told.put((writes, None))

    async def committed(self, *writes: Write) -> None:
        """Queue, and return once they are committed, however long Postgres is away.

        Raises NotWritten.
        """
        if self._closed:
            raise NotWritten(THE_END)
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
            written = self._commit(loop, [write for writes, _ in told for write in writes])
            outcomes, place = [], 0
            for writes, done in told:
                mine = range(place, place + len(writes))
                place += len(writes)
                if done is not None:
                    why = [written.refused[one] for one in mine if one in written.refused]
                    outcomes.append((done, why[0] if why else None))
            if written.models or outcomes or written.refused:
                loop.call_soon_threadsafe(self._committed, loop, written, outcomes)
        connection.close()

    def _commit(self, loop: asyncio.AbstractEventLoop, batch: list[Write]) -> _Written:
        away = False
        while not self._closed:
            try:
                written = _write_all(batch)
            except OUTAGE as error:
                if not away:
                    log.error(
                        "Postgres takes no writes; routers serve on, acks and proofs wait",
                        reason=str(error).strip(),
                    )
                away = True
                time.sleep(RETRY_SECONDS)
                continue
            if away:
                log.info("Postgres is back; acks and proofs are told again")
                loop.call_soon_threadsafe(self.on_return)
            return written
        return _Written(refused=dict.fromkeys(range(len(batch)), THE_END))

    # --- in the loop

    def _committed(
        self,
        loop: asyncio.AbstractEventLoop,
        written: _Written,
        outcomes: list[tuple[asyncio.Future[None], str | None]],
    ) -> None:
        for done, why_not in outcomes:
            if done.done():
                continue
            if why_not is None:
                done.set_result(None)
            else:
                done.set_exception(NotWritten(why_not))
        if written.refused and self._telling is None and not self._closed:
            self._telling = loop.call_later(TELL_AGAIN_SECONDS, self._tell_again)
        self._wake_soon(loop, written.models)

    def _tell_again(self) -> None:
        self._telling = None
        if not self._closed:
            self.on_return()

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


def _write_all(batch: list[Write]) -> _Written:
    """Raises what OUTAGE names, and then nothing was written."""
    try:
        return _Written(write_all(batch))
    except OUTAGE:
        connection.close()
        raise
    except (DatabaseError, TypeError, ValueError) as error:
        if refused_write(error):
            # Whatever the write is, as in a failover; the next may be to another server.
            connection.close()
            raise OperationalError(str(error)) from error
        if len(batch) == 1:
            log.exception("a row could not be written and is left out", write=repr(batch[0]))
            return _Written(refused={0: str(error).strip()})
        # One write that Postgres refuses must not take the others with it.
        written = _Written()
        for place, write in enumerate(batch):
            alone = _write_all([write])
            written.models |= alone.models
            if alone.refused:
                written.refused[place] = alone.refused[0]
        return written
