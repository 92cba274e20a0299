"""Everyone in this process who follows a swap by the API: read once for all of them.

A nudge (from whoever wrote) or the clock makes a look, one for all swaps that are followed,
in the one thread that looks. Each follower has its own place in the swap's events; a nudge
that is lost costs at most one tick.
"""

import asyncio
import json
import logging
import time
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import redis
from channels.layers import get_channel_layer
from django.db import Error as DatabaseError

from swaps.access.roles import Action, Actor
from swaps.access.tokens import actor_for_token
from swaps.domain.states import END_STATES
from swaps.live.broadcast import FLEET_GROUP, TOKENS_GROUP
from swaps.models import SwapOperation
from swaps.readings.shared.looks import look
from swaps.readings.swap.events import EventReading, read_events
from swaps.readings.swap.progress import progress_of
from swaps.readings.swap.swaps import SwapReading, read_each

log = logging.getLogger(__name__)

# Progress is told at most so often, and looking never takes more than a tenth of the time.
TICK_SECONDS = 0.5
TICK_PER_LOOK = 10
SLOWEST_TICK_SECONDS = 5.0
# A token that was revoked learns nothing new at all, and its streams end this soon, even
# where the nudge that says so was lost, or its time was over, which nobody tells.
TOKEN_CHECK_SECONDS = 2.0
GROUPS = (FLEET_GROUP, TOKENS_GROUP)
RETRY_SECONDS = 1.0
# A Valkey that stands still must not keep a follower from leaving.
VALKEY_SECONDS = 2.0


@dataclass(eq=False, slots=True)
class Follower:
    """One open call. It is over when its token may no longer look."""

    token: str
    allowed: bool = True


@dataclass(eq=False, slots=True)
class Feed:
    """One swap, as far as it was read: complete messages of the event stream."""

    followers: set[Follower] = field(default_factory=set)
    model: str = ""  # "" until it was read
    events: list[tuple[int, str]] = field(default_factory=list)  # generation, message
    generation: int = -1  # of the newest of these
    progress: str = ""
    ending: str = ""  # the last message; "" while the swap is not over
    moved: asyncio.Event = field(default_factory=asyncio.Event)  # a new one after each change

    def wake(self) -> None:
        moved, self.moved = self.moved, asyncio.Event()
        moved.set()


@dataclass(frozen=True, slots=True)
class Seen:
    model: str
    events: list[tuple[int, str]]
    progress: str
    ending: str


class Following:
    """All feeds of one event loop. It looks only while somebody follows."""

    def __init__(self) -> None:
        self._feeds: dict[uuid.UUID, Feed] = {}
        self._due: set[uuid.UUID] = set()
        self._wanted = asyncio.Event()
        self._checked_at = 0.0
        self._look_seconds = 0.0
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def follow(self, swap_id: uuid.UUID, token: str) -> AsyncIterator[tuple[Feed, Follower]]:
        """For a caller whose token was let in just now, and for a swap that is there."""
        feed = self._feeds.setdefault(swap_id, Feed())
        follower = Follower(token)
        feed.followers.add(follower)
        self._ask_for(swap_id)
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._look_again_and_again(), name="followed swaps"),
                asyncio.create_task(self._listen(), name="nudges of followed swaps"),
            ]
        try:
            yield feed, follower
        finally:
            feed.followers.discard(follower)
            if not feed.followers and self._feeds.get(swap_id) is feed:
                del self._feeds[swap_id]
            if not self._feeds:
                self._stop()

    def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            if task is not asyncio.current_task():
                task.cancel()

    def _ask_for(self, swap_id: uuid.UUID) -> None:
        self._due.add(swap_id)
        self._wanted.set()

    async def _look_again_and_again(self) -> None:
        try:
            while True:
                try:
                    async with asyncio.timeout(self._tick_seconds()):
                        await self._wanted.wait()
                    due, self._due = self._due & self._feeds.keys(), set()
                except TimeoutError:
                    due, self._due = set(self._feeds), set()  # nobody nudged: look at all
                self._wanted.clear()
                try:
                    await self._round(due)
                except DatabaseError as error:
                    log.warning("followed swaps cannot be read: %s", error)
                    await asyncio.sleep(RETRY_SECONDS)
        except Exception:
            # Silence would look like calm: so the streams end, and followers come back.
            log.exception("followed swaps cannot be shown")
            feeds, self._feeds = self._feeds, {}
            self._stop()
            for feed in feeds.values():
                _turn_away(feed, feed.followers)

    def _check_tokens(self) -> None:
        self._checked_at = 0.0
        self._wanted.set()

    def _tick_seconds(self) -> float:
        return min(max(TICK_SECONDS, TICK_PER_LOOK * self._look_seconds), SLOWEST_TICK_SECONDS)

    async def _listen(self) -> None:
        layer = get_channel_layer()
        while True:
            try:
                async with asyncio.timeout(VALKEY_SECONDS):
                    channel = await layer.new_channel()
                    for group in GROUPS:
                        await layer.group_add(group, channel)
                try:
                    while True:
                        nudge = await layer.receive(channel)
                        if "token" in nudge:
                            self._check_tokens()
                        elif (swap_id := uuid.UUID(nudge["swap"])) in self._feeds:
                            self._ask_for(swap_id)
                finally:
                    await _unsubscribe(channel)
            except (redis.RedisError, OSError) as error:
                # Without Valkey the ticks alone keep followers right, a little later.
                log.debug("no nudges of followed swaps: %s", error)
                await asyncio.sleep(RETRY_SECONDS)

    async def _round(self, due: set[uuid.UUID]) -> None:
        began = time.monotonic()
        known = {pk: self._feeds[pk].generation for pk in due if not self._feeds[pk].ending}
        tokens = {one.token for feed in self._feeds.values() for one in feed.followers}
        check = began - self._checked_at >= TOKEN_CHECK_SECONDS
        found, actors = await look(_look, known, tokens, check=check)
        self._look_seconds = time.monotonic() - began
        if actors is not None:
            self._checked_at = began
        for swap_id, feed in list(self._feeds.items()):
            seen = found.get(swap_id)
            if seen is not None:
                feed.model = seen.model
            if actors is not None:
                # Before anything new is told. Whoever came during the look was let in after it.
                barred = [
                    one
                    for one in feed.followers
                    if one.token in actors and not _may_look(actors[one.token], feed.model)
                ]
                _turn_away(feed, barred)
            if seen is not None:
                _add(feed, seen)


def _turn_away(feed: Feed, followers: Iterable[Follower]) -> None:
    for follower in followers:
        follower.allowed = False
        feed.wake()


def _add(feed: Feed, seen: Seen) -> None:
    # Two looks may overlap when the tasks were ended and begun again.
    new = [(generation, words) for generation, words in seen.events if generation > feed.generation]
    changed = bool(new) or seen.progress != feed.progress or seen.ending != feed.ending
    feed.events += new
    if new:
        feed.generation = new[-1][0]
    feed.progress, feed.ending = seen.progress, seen.ending
    if changed:
        feed.wake()


def _may_look(actor: Actor | None, model: str) -> bool:
    return actor is not None and actor.may(Action.VIEW, model or None)


async def _unsubscribe(channel: str) -> None:
    # Often on the way out of a cancelled task, which an error must not keep alive.
    try:
        async with asyncio.timeout(VALKEY_SECONDS):
            for group in GROUPS:
                await get_channel_layer().group_discard(group, channel)
    except (redis.RedisError, OSError) as error:
        log.debug("nudges of followed swaps not given back: %s", error)


def _look(
    known: Mapping[uuid.UUID, int], tokens: Iterable[str], *, check: bool
) -> tuple[dict[uuid.UUID, Seen], dict[str, Actor | None] | None]:
    """What is new of these swaps since a generation, and who the tokens are now, when that is
    due or there is something new to tell.
    """
    rows = list(SwapOperation.objects.select_related("model").filter(pk__in=known))
    found: dict[uuid.UUID, Seen] = {}
    # One message for all who follow, so nothing in it may be of another model.
    readings = read_each(rows, scope=frozenset({row.model.name for row in rows})) if rows else []
    for row, reading in zip(rows, readings, strict=True):
        # Read after the row: every event up to its generation is there.
        events = read_events(row, after=known[row.pk]) if row.generation > known[row.pk] else []
        over = row.state in END_STATES
        found[row.pk] = Seen(
            model=row.model.name,
            events=[(event.generation, event_message(event)) for event in events],
            progress="" if over else progress_message(reading),
            ending=end_message(reading) if over else "",
        )
    check = check or any(seen.events or seen.ending for seen in found.values())
    return found, {token: actor_for_token(token) for token in tokens} if check else None


def event_message(event: EventReading) -> str:
    return _message(event.kind, event.as_json(), event.generation)


def progress_message(swap: SwapReading) -> str:
    return _message("progress", progress_of(swap).as_json())


def end_message(swap: SwapReading) -> str:
    return _message("end", swap.as_json(), swap.generation)


def _message(kind: str, data: dict[str, Any], number: int | None = None) -> str:
    place = "" if number is None else f"id: {number}\n"
    return f"{place}event: {kind}\ndata: {json.dumps(data)}\n\n"


# What follows belongs to the event loop it runs in; a process of ours has one.
_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, Following] = WeakKeyDictionary()


def following() -> Following:
    return _of_loops.setdefault(asyncio.get_running_loop(), Following())
