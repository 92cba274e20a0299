"""Threads for calls to hosts, of which one host takes no more than its share.

A host that hangs holds each call until its limit. Were threads given out in the order of the
calls, a few such hosts would soon hold all of them, and the others would wait for nothing.
"""

import threading
from collections import defaultdict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from django.db import close_old_connections, connection

from swaps.db.writability import OUTAGE

log = structlog.get_logger("swaps.engine")


class Lanes:
    """`a_host`: how many of the `threads` one host may hold; what is more waits in its lane."""

    def __init__(self, *, threads: int, a_host: int, name: str) -> None:
        self._many, self._a_host, self._name = threads, a_host, name
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._held: dict[int, int] = defaultdict(int)
        self._waiting: dict[int, deque[tuple[Future[Any], Callable[[], Any]]]] = defaultdict(deque)

    def submit(self, host: int, call: Callable[[], Any]) -> Future[Any]:
        """`host`: its key. The future has what `call` returns or raises."""
        answer: Future[Any] = Future()
        with self._lock:
            if self._held[host] >= self._a_host:
                self._waiting[host].append((answer, call))
                return answer
            self._held[host] += 1
            self._begin(host, answer, call)
        return answer

    def stop(self) -> None:
        """Await all answers, and end the threads; who comes next begins anew."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown()

    def _begin(self, host: int, answer: Future[Any], call: Callable[[], Any]) -> None:
        if self._threads is None:
            self._threads = ThreadPoolExecutor(self._many, thread_name_prefix=self._name)
        self._threads.submit(self._run, host, answer, call)

    def _run(self, host: int, answer: Future[Any], call: Callable[[], Any]) -> None:
        if not answer.set_running_or_notify_cancel():  # nobody waits for it any more
            self._next(host)
            return
        try:
            told = partial(answer.set_result, call())
        except BaseException as error:  # whoever waits for the answer hears of it
            told = partial(answer.set_exception, error)
        self._next(host)
        told()

    def _next(self, host: int) -> None:
        with self._lock:
            if self._waiting[host]:
                self._begin(host, *self._waiting[host].popleft())
                return
            del self._waiting[host]
            self._held[host] -= 1
            if not self._held[host]:
                del self._held[host]


class Writers:
    """A few threads that write rows, each with a connection to the database that it keeps."""

    def __init__(self, threads: int, name: str) -> None:
        self._many, self._name = threads, name
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None

    def submit(self, job: Callable[[], None]) -> None:
        """`job` handles its own errors: an outage of the database is logged, and no more."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self._many, thread_name_prefix=self._name)
            self._threads.submit(self._run, job)

    def _run(self, job: Callable[[], None]) -> None:
        close_old_connections()
        try:
            job()
        except OUTAGE as error:
            log.warning("not written, the database is away", reason=str(error).strip())
        except Exception:
            log.exception("not written")
        finally:
            close_old_connections()

    def stop(self) -> None:
        """Await what is to be written, and give the connections back; the next job begins anew."""
        with self._lock:
            threads, self._threads = self._threads, None
        if threads is not None:
            together = threading.Barrier(self._many)
            for _ in range(self._many):
                threads.submit(_close_connection, together)
            threads.shutdown()


def _close_connection(together: threading.Barrier) -> None:
    together.wait()  # each thread does it once
    connection.close()
