"""Hearing of acks and proofs in milliseconds: one LISTEN connection a worker process.

A worker that has just written a route waits a moment here for the nodes' answer; that
saves the way through the broker. Nothing depends on it: what is not heard is found by
the wake-up or the sweep.
"""

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import structlog
from django.db import connection

from swaps.live.notify import NODES_CHANNEL

log = structlog.get_logger("swaps.engine")

_RETRY_SECONDS = 1.0
# How soon the listening thread notices that it shall end.
_LOOK_UP_SECONDS = 1.0


class _Listener:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, set[threading.Event]] = defaultdict(set)
        self._pid = 0
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._of_others: Callable[[int], None] | None = None

    @contextmanager
    def listening(self, model_id: int, woken: threading.Event) -> Iterator[None]:
        """Meanwhile `woken` is set whenever a node said something about this model."""
        with self._lock:
            self._waiting[model_id].add(woken)
            if self._pid != os.getpid():  # the first of this process, or after a fork
                self._pid = os.getpid()
                self._over = threading.Event()
                self._thread = threading.Thread(
                    target=self._listen,
                    args=(connection.get_connection_params(), self._over),
                    name="node-listener",
                    daemon=True,
                )
                self._thread.start()
        try:
            yield
        finally:
            with self._lock:
                self._waiting[model_id].discard(woken)
                if not self._waiting[model_id]:
                    del self._waiting[model_id]

    def listen_for_others(self, call: Callable[[int], None] | None) -> None:
        """Called with the id of each model that a node said something of while nobody waited for
        it; must not block. None: nobody is.
        """
        self._of_others = call

    def stop(self) -> None:
        """Give the connection back; the next who wants to hear begins anew."""
        with self._lock:
            thread, self._thread, self._pid = self._thread, None, 0
            self._over.set()
        if thread is not None:
            thread.join()

    def _listen(self, parameters: dict[str, object], over: threading.Event) -> None:
        for unwanted in ("cursor_factory", "context"):
            parameters.pop(unwanted, None)
        while not over.is_set():
            try:
                with psycopg.connect(**parameters, autocommit=True) as listening:  # type: ignore[arg-type]
                    listening.execute(f"LISTEN {NODES_CHANNEL}")
                    self._tell_all()  # what was said while we did not listen
                    while not over.is_set():
                        for notification in listening.notifies(timeout=_LOOK_UP_SECONDS):
                            self._tell(notification.payload)
            except psycopg.Error as error:
                log.warning(
                    "not listening to nodes, again soon",
                    error=str(error).strip(),
                )
                over.wait(_RETRY_SECONDS)

    def _tell(self, payload: str) -> None:
        if not payload.isdigit():
            return
        with self._lock:
            waiting = list(self._waiting.get(int(payload), ()))
        for woken in waiting:
            woken.set()
        if not waiting and self._of_others is not None:
            self._of_others(int(payload))

    def _tell_all(self) -> None:
        with self._lock:
            for events in self._waiting.values():
                for woken in events:
                    woken.set()


_listener = _Listener()
listening = _listener.listening
listen_for_others = _listener.listen_for_others
stop_listening = _listener.stop
