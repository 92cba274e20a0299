"""The thread of each worker that needs Postgres alone.

Each second it takes the duties that are due, and the swaps. A swap that is due goes to Celery,
by which the workers share the work. It is taken here, in threads of this worker's own, when its
message does not go out, or nothing came of it: Valkey is away, stands still, or is connected and
deaf. So no swap waits for anything but Postgres, and no process but a worker.
"""

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, close_old_connections, connection, connections
from django.db import Error as DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from swaps.db.statements import NEED_NOT_WAIT, run
from swaps.engine.advance import advance
from swaps.engine.listener import listen_for_others
from swaps.engine.sweeping import duties
from swaps.engine.warm_start import warm_start
from swaps.engine.write import store
from swaps.live.broker import Message, broker_trouble, when_not_sent
from swaps.live.heartbeats import BEAT_SECONDS, CLOCK_TOLERANCE_SECONDS, Pulse, clock_ahead
from swaps.live.wake import ADVANCE, look_if_due, wake_swaps_of
from swaps.models.processes import ProcessKind

log = structlog.get_logger("swaps.engine")

# So long Celery has for a swap that is due, before it is taken here.
LATE_SECONDS = 2.0
LONGEST_TICK_SECONDS = 1.0
# Swaps that are taken here at the same moment; others wait for a thread.
SWAPS_AT_ONCE = 4
DUTIES_AT_ONCE = 3
# What Postgres refused is told of for so long.
REFUSAL_TOLD_SECONDS = 60.0
# Postgres' classes of errors: out of disk or memory, read-only.
_REFUSALS = ("53", "25006")


class Sweeper:
    """Of one worker; `name` is the worker's."""

    def __init__(self, name: str) -> None:
        self.pulse = Pulse(ProcessKind.WORKER, name)
        self._duties = duties.duties()
        self._swaps = ThreadPoolExecutor(SWAPS_AT_ONCE, thread_name_prefix="sweep")
        self._chores = ThreadPoolExecutor(DUTIES_AT_ONCE, thread_name_prefix="duty")
        self._lock = threading.Lock()
        self._at_work: set[uuid.UUID] = set()  # swaps that are taken here
        self._running: set[str] = set()  # duties that are done here
        self._done: set[str] = set()  # and those whose row does not say so yet
        self._idle: set[BaseDatabaseWrapper] = set()  # connections of its threads without work
        self._to_wake: set[int] = set()  # models that nodes said something of
        self._nudged = threading.Event()
        self._over = False
        self._beat_at = -BEAT_SECONDS
        self._refusal, self._refused_at = "", 0.0
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Returns at once, whatever is away."""
        when_not_sent(self._take_message)
        listen_for_others(self._wake_later)
        self._thread.start()
        # Beside it: a host that hangs must not hold up the first sweep.
        threading.Thread(target=_warm_start, name="warm-start", daemon=True).start()

    def stop(self, seconds: float = 5.0) -> None:
        with self._lock:
            self._over = True
            idle = list(self._idle)
        self._nudged.set()
        for one in idle:
            one.inc_thread_sharing()  # its thread waits for work that does not come any more
            one.close()
        when_not_sent(None)
        listen_for_others(None)
        for pool in (self._swaps, self._chores):
            pool.shutdown(wait=False, cancel_futures=True)
        self._thread.join(seconds)

    def note(self, error: BaseException) -> None:
        """Of a task or duty that failed: when Postgres takes nothing, people must read why."""
        cause = error.__cause__ if isinstance(error, DatabaseError) else error
        code = getattr(cause, "sqlstate", None) or ""
        if code.startswith(_REFUSALS):
            self._refusal, self._refused_at = str(error).strip(), time.monotonic()

    def trouble(self) -> str:
        """What people should know; "" when nothing is wrong."""
        found = []
        if self._refusal and time.monotonic() - self._refused_at < REFUSAL_TOLD_SECONDS:
            found.append(f"Postgres refused what it wrote: {self._refusal}")
        if broker_trouble():  # its log says why; this is shown to whoever may see /readyz
            found.append("its messages do not go out by Valkey")
        return "; ".join(found)

    # -- the thread --

    def _run(self) -> None:
        tick = min(settings.SWEEP_SECONDS, LONGEST_TICK_SECONDS)
        greeted = away = False
        while not self._over:
            try:
                if not greeted:
                    run(duties.known(self._duties))
                    greeted = True
                self._tick()
                away = False
            except DatabaseError as error:
                connection.close()
                self.note(error)
                if not away:
                    log.error("nothing is swept", reason=str(error).strip())
                away = True
            except Exception:
                # This thread must not end: nothing that is due would be found any more.
                log.exception("sweep failed")
            self._nudged.wait(tick)
            self._nudged.clear()
        self._end()

    def _tick(self) -> None:
        with self._lock:
            done, running = set(self._done), set(self._running)
        wanted = {name: one for name, one in self._duties.items() if name not in running}
        statements = [NEED_NOT_WAIT, duties.take(wanted)]
        if done:
            statements.append(duties.done(done))
        if running:
            statements.append(duties.hold(running))
        beats = time.monotonic() - self._beat_at >= BEAT_SECONDS
        if beats:
            statements += [*self.pulse.beat(self.trouble()), clock_ahead()]
        _, taken, *others = run(*statements)
        with self._lock:
            self._done -= done
        if beats:
            self._beat_at = time.monotonic()
            self._compare_clocks(others[-1].rows[0][0])
        for (name,) in taken.rows:
            self._begin(name)
        with self._lock:
            to_wake, self._to_wake = self._to_wake, set()
        if to_wake:
            wake_swaps_of(to_wake)

    def _compare_clocks(self, ahead_seconds: float) -> None:
        if abs(ahead_seconds) > CLOCK_TOLERANCE_SECONDS:
            log.warning("clock differs from Postgres'", ahead_seconds=round(ahead_seconds, 1))

    def _begin(self, name: str) -> None:
        do = self._duties[name].do
        if do is None:
            self._sweep()
            with self._lock:
                self._done.add(name)
            return
        with self._lock:
            self._running.add(name)
        try:
            self._chores.submit(self._do, name, do)
        except RuntimeError:  # the worker is ending
            with self._lock:
                self._running.discard(name)

    def _sweep(self) -> None:
        carried = not broker_trouble()
        for swap_id, late_seconds in store.due():
            if carried and late_seconds < LATE_SECONDS:
                look_if_due(swap_id)
            else:
                self._take(swap_id, if_due=True)

    def _end(self) -> None:
        try:
            run(self.pulse.end())
        except DatabaseError as error:
            log.info("heartbeat not ended", reason=str(error).strip())
        connection.close()

    # -- from any thread --

    def _wake_later(self, model_id: int) -> None:
        """A node said something of a model that nobody here waits for. Whoever wrote that wakes
        the swap by Celery; where that does not work, this is the way.
        """
        if broker_trouble():
            with self._lock:
                self._to_wake.add(model_id)
            self._nudged.set()

    def _take_message(self, message: Message) -> None:
        if message.task == ADVANCE:
            swap_id, *if_due = message.arguments
            self._take(uuid.UUID(str(swap_id)), if_due=bool(if_due and if_due[0]))

    def _take(self, swap_id: uuid.UUID, *, if_due: bool) -> None:
        with self._lock:
            if self._over or swap_id in self._at_work:
                return
            self._at_work.add(swap_id)
        try:
            self._swaps.submit(self._advance, swap_id, if_due)
        except RuntimeError:  # the worker is ending
            with self._lock:
                self._at_work.discard(swap_id)

    # -- the threads of its own --

    def _advance(self, swap_id: uuid.UUID, if_due: bool) -> None:
        again: float | None = None
        try:
            again = self._guarded(lambda: advance(swap_id, if_due=if_due), what=f"swap {swap_id}")
        finally:
            with self._lock:
                self._at_work.discard(swap_id)
        if again is not None:
            look_if_due(swap_id, after_seconds=again)

    def _do(self, name: str, do: Callable[[], object]) -> None:
        failed = object()
        outcome = self._guarded(do, what=name, failed=failed)
        with self._lock:
            self._running.discard(name)
            if outcome is not failed:
                self._done.add(name)

    def _guarded[T](self, call: Callable[[], T], *, what: str, failed: T | None = None) -> T | None:
        """`failed` when it raised: told of, and tried again when it is due again."""
        with self._connection_kept():
            try:
                return call()
            except DatabaseError as error:
                self.note(error)
                log.error("not done", what=what, reason=str(error).strip())
            except Exception:
                log.exception("not done", what=what)
        return failed

    @contextmanager
    def _connection_kept(self) -> Iterator[None]:
        """This thread's, open from one call to the next, until the worker ends."""
        mine = connections[DEFAULT_DB_ALIAS]
        with self._lock:
            self._idle.discard(mine)
        close_old_connections()
        try:
            yield
        finally:
            close_old_connections()
            with self._lock:
                if not self._over:
                    self._idle.add(mine)
            if self._over:
                mine.close()


def _warm_start() -> None:
    try:
        warm_start()
    except Exception:
        log.exception("worker not warmed up")
    finally:
        connection.close()
