"""Everyone in this process who watches one thing: read once, rendered once, sent to all.

What is watched is a subject: a swap, a model, the fleet. A nudge (from whoever wrote) or the
clock makes a round: reread the rows, render the fragments, send those that changed. A
transition is sent by itself and in its order, even when two were committed before we
looked. A lost nudge costs at most one tick.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

import redis
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError

from swaps.access.roles import Role
from swaps.console.shared.audience import roles_of_sessions
from swaps.readings.shared.looks import work_in

log = logging.getLogger(__name__)

# Three updates a second at most between transitions.
TICK_SECONDS = 0.34
# Each message costs a third of a millisecond a watcher: a large audience is told of gauges
# less often, so that transitions find the way free.
TICK_SECONDS_PER_WATCHER = 0.002
# And looking never takes more than a tenth of the time.
TICK_PER_LOOK = 10
ENDED_TICK_SECONDS = 3.0
# Pages take silence for a lost connection (live_link.js), so there is none.
HEARTBEAT_SECONDS = 3.0
ROLE_CHECK_SECONDS = 2.0
RETRY_SECONDS = 1.0
# A Valkey that stands still must not keep a page from leaving.
VALKEY_SECONDS = 2.0
# These change with every look: alone they are no reason to send, but for the heartbeat.
CLOCK = "clock"


# Close codes of a websocket. The page says what the first two mean and stays away; from the
# third it comes back by itself.
NOT_ALLOWED = 4403
GONE = 4404
INTERNAL_ERROR = 1011


# For all live pages of this process, with a connection each while they work: a page whose query
# takes long must not hold up the others.
LIVE_THREADS = 4
live_threads = ThreadPoolExecutor(max_workers=LIVE_THREADS, thread_name_prefix="live page")


async def in_live_thread[T](work: Callable[[], T]) -> T:
    return await work_in(live_threads, work)


class Watcher(Protocol):
    """One open page."""

    session_key: str

    async def show(self, html: str) -> None: ...

    async def turn_away(self, code: int) -> None:
        """They get nothing more, for the reason that `code` says."""


@dataclass(frozen=True, slots=True)
class Look:
    """A subject as it was found."""

    shared: dict[str, str]  # html by fragment, the same for whoever looks
    render_for: Callable[[Iterable[Role]], dict[Role, str]]  # html that depends on the reader
    events: tuple[str, ...] = ()  # html, one for each that is new
    mark: int = 0  # what has been seen now: the next look begins after it
    ended: bool = False  # nothing more will happen here
    pace: float = 0.0  # seconds between two looks at least, however often somebody nudges


class Subject(Hashable, Protocol):
    """What can be watched. Equal subjects share one watch."""

    @property
    def group(self) -> str:
        """Where nudges about it are sent."""
        ...

    def look(self, after: int | None) -> Look | None:
        """Read and render; None when it is gone. `after`: the mark everybody has seen."""
        ...


@dataclass(slots=True)
class Round:
    """What one look found, and for whom."""

    look: Look
    personal: dict[Role, str]
    roles: dict[str, Role] | None  # by session key; None: not asked this time
    seconds: float


@dataclass(eq=False)
class Watch:
    subject: Subject
    watchers: set[Watcher] = field(default_factory=set)
    _newcomers: set[Watcher] = field(default_factory=set)  # they get everything first
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _nudged: asyncio.Event = field(default_factory=asyncio.Event)
    _last: Round | None = None
    _roles: dict[str, Role] = field(default_factory=dict)
    _roles_at: float = 0.0
    _sent_at: float = 0.0
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def add(self, watcher: Watcher) -> None:
        self.watchers.add(watcher)
        self._newcomers.add(watcher)
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._tick(), name=f"watch of {self.subject}"),
                asyncio.create_task(self._listen(), name=f"nudges of {self.subject}"),
            ]

    async def greet(self, watcher: Watcher) -> None:
        """The present state first, so that a page which reconnects is right again at once."""
        async with self._turn:
            if watcher in self._newcomers:  # else a round came first, and greeted it
                await self._round()

    def remove(self, watcher: Watcher) -> list[asyncio.Task[None]]:
        """The tasks that are to be ended, when nobody is left."""
        self.watchers.discard(watcher)
        self._newcomers.discard(watcher)
        if self.watchers:
            return []
        tasks, self._tasks = self._tasks, []
        return tasks

    async def _tick(self) -> None:
        try:
            await self._look_again_and_again()
        except Exception:
            # Silence would look like calm. So pages lose their link, say so, and come back.
            log.exception("%s cannot be shown", self.subject)
            for task in self._tasks:
                if task is not asyncio.current_task():
                    task.cancel()
            self._tasks, self._last = [], None
            for watcher in list(self.watchers):
                await self._turn_away(watcher, INTERNAL_ERROR)

    async def _look_again_and_again(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._tick_seconds()):
                    await self._nudged.wait()
            except TimeoutError:
                pass  # nobody nudged: look all the same
            self._nudged.clear()
            try:
                async with self._turn:
                    await self._round()
                if self._last is not None and self._last.look.pace:
                    await asyncio.sleep(self._tick_seconds())
            except DatabaseError as error:
                # Pages see the silence and say so; they are right again after this.
                log.warning("%s cannot be read: %s", self.subject, error)
                await asyncio.sleep(RETRY_SECONDS)

    def _tick_seconds(self) -> float:
        if self._last is None:
            return TICK_SECONDS
        if self._last.look.ended:
            return ENDED_TICK_SECONDS
        audience = TICK_SECONDS_PER_WATCHER * len(self.watchers)
        least = max(TICK_SECONDS, self._last.look.pace)
        return min(max(least, audience, TICK_PER_LOOK * self._last.seconds), 3.0)

    async def _listen(self) -> None:
        layer = get_channel_layer()
        while True:
            try:
                async with asyncio.timeout(VALKEY_SECONDS):
                    channel = await layer.new_channel()
                    await layer.group_add(self.subject.group, channel)
                try:
                    while True:
                        await layer.receive(channel)
                        self._nudged.set()
                finally:
                    await self._unsubscribe(channel)
            except (redis.RedisError, OSError) as error:
                # Without Valkey the ticks alone keep pages right, a little later.
                log.debug("no nudges of %s: %s", self.subject, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _unsubscribe(self, channel: str) -> None:
        # Often on the way out of a cancelled task, which an error must not keep alive.
        try:
            async with asyncio.timeout(VALKEY_SECONDS):
                await get_channel_layer().group_discard(self.subject.group, channel)
        except (redis.RedisError, OSError) as error:
            log.debug("nudges of %s not given back: %s", self.subject, error)

    async def _round(self) -> None:
        """Look, and tell."""
        before, newcomers = self._last, set(self._newcomers)
        asked_at = time.monotonic()
        ask_roles = newcomers or asked_at - self._roles_at >= ROLE_CHECK_SECONDS
        session_keys = {watcher.session_key for watcher in self.watchers}
        found = await in_live_thread(
            lambda: _look(
                self.subject,
                after=before.look.mark if before else None,
                session_keys=session_keys,
                known_roles=None if ask_roles else self._roles,
            )
        )
        if found is None:
            for watcher in list(self.watchers):
                await self._turn_away(watcher, GONE)
            return
        self._last = found
        if found.roles is not None:
            self._roles, self._roles_at = found.roles, asked_at
        look = found.look
        changes = _changed(before.look if before else None, look)
        beat = asked_at - self._sent_at >= HEARTBEAT_SECONDS
        if changes or beat:
            self._sent_at = asked_at
        # Whoever came during the look was not asked about: the next round is theirs.
        present = self.watchers - (self._newcomers - newcomers)
        allowed: dict[Watcher, Role] = {}
        for watcher in present:
            role = self._roles.get(watcher.session_key)
            if role is None:
                await self._turn_away(watcher, NOT_ALLOWED)
            else:
                allowed[watcher] = role
        # Events first, to everybody: with a thousand pages all else would be in their way.
        for event in look.events:
            for watcher in allowed.keys() - newcomers:
                await watcher.show(event)
        for watcher, role in allowed.items():
            if watcher in newcomers:
                self._newcomers.discard(watcher)
                await watcher.show("".join(look.shared.values()) + found.personal[role])
                continue
            personal = found.personal[role]
            if before is not None and before.personal.get(role) == personal:
                personal = ""
            if changes or personal or beat:
                await watcher.show("".join(changes) + personal + look.shared[CLOCK])

    async def _turn_away(self, watcher: Watcher, code: int) -> None:
        # Its socket closes now, and its leaving ends the tasks where it was the last.
        self.watchers.discard(watcher)
        self._newcomers.discard(watcher)
        await watcher.turn_away(code)


def _look(
    subject: Subject,
    *,
    after: int | None,
    session_keys: Iterable[str],
    known_roles: dict[str, Role] | None,
) -> Round | None:
    """One look, with everything rendered. `after`: the mark that everybody has seen."""
    began = time.monotonic()
    look = subject.look(after)
    if look is None:
        return None
    # A transition reveals something new, so it goes only to those who may look right now.
    roles = None if known_roles is not None and not look.events else roles_of_sessions(session_keys)
    audience = set((roles if roles is not None else known_roles or {}).values())
    return Round(
        look=look,
        personal=look.render_for(audience),
        roles=roles,
        seconds=time.monotonic() - began,
    )


def _changed(before: Look | None, now: Look) -> list[str]:
    """The fragments that differ; a timeline grows by its events instead."""
    return [
        html
        for name, html in now.shared.items()
        if name not in {CLOCK, "timeline"} and (before is None or before.shared.get(name) != html)
    ]


# A watch belongs to the event loop it runs in; a process of ours has one.
_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Subject, Watch]] = WeakKeyDictionary()


async def join_watch(subject: Subject, watcher: Watcher) -> None:
    watches = _watches.setdefault(asyncio.get_running_loop(), {})
    watch = watches.setdefault(subject, Watch(subject))
    watch.add(watcher)
    try:
        await watch.greet(watcher)
    except BaseException:
        # Its socket closes without a word to us.
        await leave_watch(subject, watcher)
        raise


async def leave_watch(subject: Subject, watcher: Watcher) -> None:
    """The last to leave ends the watch: nothing is read for nobody."""
    watches = _watches.get(asyncio.get_running_loop(), {})
    watch = watches.get(subject)
    if watch is None:
        return
    tasks = watch.remove(watcher)
    if not watch.watchers:
        # Before the wait below: whoever comes meanwhile starts a new one.
        del watches[subject]
    for task in tasks:
        task.cancel()
    # The listener gives its subscription back while it is being cancelled.
    if tasks:
        await asyncio.wait(tasks, timeout=2 * VALKEY_SECONDS)
