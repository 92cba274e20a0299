"""Everyone in this process who watches one swap: read once, rendered once, sent to all.

A nudge (from whoever wrote) or the clock makes a round: reread the rows, render the
fragments, send those that changed. A transition is sent by itself and in its order, even
when two were committed before we looked. A lost nudge costs at most one tick.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakKeyDictionary

import redis
from channels.db import database_sync_to_async
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError

from swaps.access.roles import Role
from swaps.console.audience import roles_of_sessions
from swaps.console.charts import Sample
from swaps.console.in_flight_history import keep_sample
from swaps.console.live_swap import (
    LiveSwap,
    look_at_swap,
    render_commands,
    render_event,
    render_shared,
)
from swaps.live.broadcast import swap_group

log = logging.getLogger(__name__)

# Three updates a second at most between transitions.
TICK_SECONDS = 0.34
# Each message costs a third of a millisecond a watcher: a large audience is told of gauges
# less often, so that transitions find the way free.
TICK_SECONDS_PER_WATCHER = 0.002
# And looking never takes more than a tenth of the time.
TICK_PER_LOOK = 10
ENDED_TICK_SECONDS = 3.0
# Pages take silence for a lost connection (console.js), so there is none.
HEARTBEAT_SECONDS = 3.0
ROLE_CHECK_SECONDS = 2.0
RETRY_SECONDS = 1.0
# These change with every look: alone they are no reason to send, but for the heartbeat.
CLOCK = "clock"


# Close codes of a websocket. The page says what the first two mean and stays away; from the
# third it comes back by itself.
NOT_ALLOWED = 4403
NO_SUCH_SWAP = 4404
INTERNAL_ERROR = 1011


class Watcher(Protocol):
    """One open page."""

    session_key: str

    async def show(self, html: str) -> None: ...

    async def turn_away(self, code: int) -> None:
        """They get nothing more, for the reason that `code` says."""


@dataclass(slots=True)
class Round:
    """What one look found."""

    live: LiveSwap
    events: list[str]  # html, one for each that is new
    shared: dict[str, str]
    commands: dict[Role, str]
    roles: dict[str, Role] | None  # by session key; None: not asked this time
    seconds: float


@dataclass(eq=False)
class SwapWatch:
    swap_id: uuid.UUID
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
                asyncio.create_task(self._tick(), name=f"watch of swap {self.swap_id}"),
                asyncio.create_task(self._listen(), name=f"nudges of swap {self.swap_id}"),
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
            log.exception("swap %s cannot be shown", self.swap_id)
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
            except DatabaseError as error:
                # Pages see the silence and say so; they are right again after this.
                log.warning("swap %s cannot be read: %s", self.swap_id, error)
                await asyncio.sleep(RETRY_SECONDS)

    def _tick_seconds(self) -> float:
        if self._last is None:
            return TICK_SECONDS
        if self._last.live.ended:
            return ENDED_TICK_SECONDS
        audience = TICK_SECONDS_PER_WATCHER * len(self.watchers)
        return min(max(TICK_SECONDS, audience, TICK_PER_LOOK * self._last.seconds), 3.0)

    async def _listen(self) -> None:
        layer = get_channel_layer()
        while True:
            try:
                channel = await layer.new_channel()
                await layer.group_add(swap_group(self.swap_id), channel)
                try:
                    while True:
                        await layer.receive(channel)
                        self._nudged.set()
                finally:
                    await self._unsubscribe(channel)
            except (redis.RedisError, OSError) as error:
                # Without Valkey the ticks alone keep pages right, a little later.
                log.debug("no nudges of swap %s: %s", self.swap_id, error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _unsubscribe(self, channel: str) -> None:
        # Often on the way out of a cancelled task, which an error must not keep alive.
        try:
            await get_channel_layer().group_discard(swap_group(self.swap_id), channel)
        except (redis.RedisError, OSError) as error:
            log.debug("nudges of swap %s not given back: %s", self.swap_id, error)

    async def _round(self) -> None:
        """Look, and tell."""
        before, newcomers = self._last, set(self._newcomers)
        asked_at = time.monotonic()
        ask_roles = newcomers or asked_at - self._roles_at >= ROLE_CHECK_SECONDS
        found = await database_sync_to_async(_look)(
            self.swap_id,
            after=before.live.reading.generation if before else None,
            session_keys={watcher.session_key for watcher in self.watchers},
            known_roles=None if ask_roles else self._roles,
        )
        if found is None:
            for watcher in list(self.watchers):
                await self._turn_away(watcher, NO_SUCH_SWAP)
            return
        self._last = found
        if found.roles is not None:
            self._roles, self._roles_at = found.roles, asked_at
        changes = _changed(before, found)
        beat = asked_at - self._sent_at >= HEARTBEAT_SECONDS
        if changes or beat:
            self._sent_at = asked_at
        # Whoever came during the look was not asked about: the next round is theirs.
        for watcher in self.watchers - (self._newcomers - newcomers):
            role = self._roles.get(watcher.session_key)
            if role is None:
                await self._turn_away(watcher, NOT_ALLOWED)
            elif watcher in newcomers:
                self._newcomers.discard(watcher)
                await watcher.show("".join(found.shared.values()) + found.commands[role])
            else:
                for event in found.events:
                    await watcher.show(event)
                commands = found.commands[role]
                if before is not None and before.commands.get(role) == commands:
                    commands = ""
                if changes or commands or beat:
                    await watcher.show("".join(changes) + commands + found.shared[CLOCK])

    async def _turn_away(self, watcher: Watcher, code: int) -> None:
        # Its socket closes now, and its leaving ends the tasks where it was the last.
        self.watchers.discard(watcher)
        self._newcomers.discard(watcher)
        await watcher.turn_away(code)


def _look(
    swap_id: uuid.UUID,
    *,
    after: int | None,
    session_keys: Iterable[str],
    known_roles: dict[str, Role] | None,
) -> Round | None:
    """One look, with everything rendered. `after`: the generation everybody has seen."""
    began = time.monotonic()
    live = look_at_swap(swap_id)
    if live is None:
        return None
    reading = live.reading
    if not live.ended:
        counts = reading.in_flight
        keep_sample(swap_id, Sample(time.monotonic(), counts["from"], counts["to"]))
    new = [e for e in live.events if after is not None and e.generation > after]
    # A transition reveals something new, so it goes only to those who may look right now.
    roles = None if known_roles is not None and not new else roles_of_sessions(session_keys)
    audience = set((roles if roles is not None else known_roles or {}).values())
    return Round(
        live=live,
        events=[render_event(live, event) for event in new],
        shared=render_shared(live),
        commands=render_commands(live, audience),
        roles=roles,
        seconds=time.monotonic() - began,
    )


def _changed(before: Round | None, now: Round) -> list[str]:
    """The fragments that differ; the timeline grows by its events instead."""
    return [
        html
        for name, html in now.shared.items()
        if name not in {CLOCK, "timeline"} and (before is None or before.shared[name] != html)
    ]


# A watch belongs to the event loop it runs in; a process of ours has one.
_watches: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[uuid.UUID, SwapWatch]] = (
    WeakKeyDictionary()
)


async def join_watch(swap_id: uuid.UUID, watcher: Watcher) -> None:
    watches = _watches.setdefault(asyncio.get_running_loop(), {})
    watch = watches.setdefault(swap_id, SwapWatch(swap_id))
    watch.add(watcher)
    try:
        await watch.greet(watcher)
    except BaseException:
        # Its socket closes without a word to us.
        await leave_watch(swap_id, watcher)
        raise


async def leave_watch(swap_id: uuid.UUID, watcher: Watcher) -> None:
    """The last to leave ends the watch: nothing is read for nobody."""
    watches = _watches.get(asyncio.get_running_loop(), {})
    watch = watches.get(swap_id)
    if watch is None:
        return
    tasks = watch.remove(watcher)
    if not watch.watchers:
        # Before the wait below: whoever comes meanwhile starts a new one.
        del watches[swap_id]
    for task in tasks:
        task.cancel()
    # The listener gives its subscription back while it is being cancelled.
    await asyncio.gather(*tasks, return_exceptions=True)
