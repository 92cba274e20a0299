"""Messages to Celery, sent beside whoever has something to tell: one thread a process, a bounded
queue, a short limit.

A message only tells a worker to look at the rows now, so it may neither fail nor delay what it
tells of. A Valkey that stands still would otherwise hold each request that has just committed,
and with them every connection of a console. What is not sent is found by the sweep, which needs
Postgres alone.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

import redis
from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

TIMEOUT_SECONDS = 1.0
# Not tried again at once: each try may cost its timeout, and messages that waited for it are late.
REST_SECONDS = 1.0
MOST_WAITING = 1000
# A process that ends gives its last messages so long; the sweep is not much slower.
FAREWELL_SECONDS = 0.5

_AWAY = (OperationalError, redis.RedisError, OSError)


class Message(NamedTuple):
    """A task and its arguments. Two alike say the same: one that waits is not queued again."""

    task: str
    arguments: tuple[str | bool, ...] = ()


def send_soon(
    task: str, arguments: tuple[str | bool, ...] = (), *, after_seconds: float = 0.0
) -> None:
    """Returns at once, whatever Valkey does, and never raises. To be called after the commit.

    `after_seconds` is counted here and not by the worker's clock, which may be another.
    """
    _sender_of_this_process().send(Message(task, arguments), after_seconds)


def broker_trouble() -> str:
    """Why messages do not go out just now; "" when they do, as far as this process has tried."""
    return _sender_of_this_process().trouble()


def when_not_sent(take: Callable[[Message], None] | None) -> None:
    """Who can do without Celery what a message asks for: a worker. To be called in any thread,
    and must not block. None: nobody, and the sweep will find it.
    """
    global _take
    _take = take


class Sender:
    """Its thread lives as long as the process."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: dict[Message, float] = {}  # with its time, on this process' clock
        self._sending_since: float | None = None
        self._rests_until = 0.0
        self._trouble = ""
        self._producer: Any = None
        threading.Thread(target=self._run, name="broker", daemon=True).start()

    def send(self, message: Message, after_seconds: float) -> None:
        due = time.monotonic() + after_seconds
        with self._changed:
            room = message in self._waiting or len(self._waiting) < MOST_WAITING
            if room:
                self._waiting[message] = min(due, self._waiting.get(message, due))
                self._changed.notify_all()
        if not room:
            _not_sent(message)

    def trouble(self) -> str:
        since = self._sending_since
        if not self._trouble and since is not None and time.monotonic() - since > REST_SECONDS / 2:
            return "it does not answer"
        return self._trouble

    def wait_until_sent(self, seconds: float) -> None:
        with self._changed:
            self._changed.wait_for(self._nothing_due, timeout=seconds)

    def _nothing_due(self) -> bool:
        now = time.monotonic()
        return self._sending_since is None and all(due > now for due in self._waiting.values())

    def _run(self) -> None:
        while True:
            for message in self._next():
                self._deliver(message)
            with self._changed:
                self._sending_since = None
                self._changed.notify_all()

    def _next(self) -> list[Message]:
        """Waits for what is due."""
        with self._changed:
            while True:
                now = time.monotonic()
                due = [message for message, at in self._waiting.items() if at <= now]
                if due:
                    for message in due:
                        del self._waiting[message]
                    self._sending_since = now
                    return due
                first = min(self._waiting.values(), default=None)
                self._changed.wait(None if first is None else first - now)

    def _deliver(self, message: Message) -> None:
        if time.monotonic() < self._rests_until:
            _not_sent(message)
            return
        try:
            # By name: the router process wakes the engine without importing it.
            current_app.send_task(
                message.task, list(message.arguments), producer=self._way(), retry=False
            )
        except _AWAY as error:
            if not self._trouble:
                log.warning("no messages to workers, the sweep finds what is due: %s", error)
            self._trouble = str(error).strip() or type(error).__name__
            self._rests_until = time.monotonic() + REST_SECONDS
            self._give_up_the_way()
            _not_sent(message)
        except Exception:
            # This thread must not end: nobody would notice but by a swap that is slow.
            log.exception("message %s not sent", message.task)
        else:
            if self._trouble:
                log.info("messages to workers go out again")
            self._trouble = ""
        self._sending_since = time.monotonic()

    def _way(self) -> Any:
        """A connection of its own, with limits: a worker's waits for messages without any."""
        if self._producer is None:
            connection = current_app.connection_for_write(
                connect_timeout=TIMEOUT_SECONDS,
                transport_options={
                    "socket_timeout": TIMEOUT_SECONDS,
                    "socket_connect_timeout": TIMEOUT_SECONDS,
                    "max_retries": 0,
                },
            )
            self._producer = current_app.amqp.Producer(connection, auto_declare=False)
        return self._producer

    def _give_up_the_way(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(*_AWAY):
                producer.connection.close()


def _not_sent(message: Message) -> None:
    log.debug("message %s%s not sent", *message)
    if _take is not None:
        _take(message)


_take: Callable[[Message], None] | None = None
_sender: Sender | None = None
_sender_lock = threading.Lock()


def _sender_of_this_process() -> Sender:
    global _sender
    with _sender_lock:
        if _sender is None:
            _sender = Sender()
        return _sender


def forget_sender() -> None:
    """The next message makes a new one: a forked child (Celery's prefork pool) has the sender but
    not its thread, and one that was made for another broker is of no use.
    """
    global _sender, _sender_lock
    _sender, _sender_lock = None, threading.Lock()


@atexit.register
def wait_until_sent(seconds: float = FAREWELL_SECONDS) -> None:
    """Until nothing that is due waits any more, or the time is over."""
    if _sender is not None:
        _sender.wait_until_sent(seconds)


os.register_at_fork(after_in_child=forget_sender)
