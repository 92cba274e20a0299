"""A swap's events, every one and in order, until its end; through restarts of the server."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import SimpleQueue

import httpx
from httpx_sse import EventSource, SSEError

from swaps.cli.exits import CommandRefused, ServerFailed, Unreachable
from swaps.cli.output import Document
from swaps.cli.rest import Api, growing_pauses, is_permanent, path_of, unreachable

# The server says something at least every 15 s.
_SILENCE_SECONDS = 40.0
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Event:
    """`kind`: created, transition, step, command, problem; progress; end. `data` as the server
    gives it: an event of the timeline, or how the drain gets on; empty for the end.
    """

    kind: str
    data: Document


class NoStream(Exception):
    """This server, or what stands before it, has no event streams."""


class Following:
    """One swap, followed. `patience_seconds`: how long a server that is away is waited for;
    `lost` is called with the reason when the connection breaks, and with None when it is back.
    """

    def __init__(
        self,
        api: Api,
        swap_id: str,
        *,
        patience_seconds: float,
        lost: Callable[[str | None], None],
    ) -> None:
        self._api = api
        self._path = path_of("swaps", swap_id)
        self._patience_seconds = patience_seconds
        self._lost = lost
        self._last = -1  # generation of the last event that was given on
        self._ended = False
        self._last_contact_at = time.monotonic()

    def events(self) -> Iterator[Event]:
        """Raises Unreachable when the server stays away, Refused and Unauthenticated."""
        read = self._streamed
        pauses = growing_pauses()
        while not self._ended:
            last_contact_at = self._last_contact_at
            try:
                yield from read()
                if self._ended:
                    return
                broken: Exception = Unreachable(f"{self._api.url} closed the stream")
            except NoStream:
                read = self._polled
                continue
            except httpx.TransportError as error:
                broken = unreachable(self._api.url, error)
                if is_permanent(error):
                    raise broken from error
            except (Unreachable, ServerFailed) as error:
                broken = error
            if self._last_contact_at != last_contact_at:
                pauses = growing_pauses()
            if time.monotonic() - self._last_contact_at > self._patience_seconds:
                raise broken
            self._lost(str(broken))
            time.sleep(next(pauses))

    def _streamed(self) -> Iterator[Event]:
        headers = {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        if self._last >= 0:
            headers["Last-Event-ID"] = str(self._last)
        timeout = httpx.Timeout(30.0, connect=5.0, read=_SILENCE_SECONDS)
        try:
            with self._api.open_stream(
                f"{self._path}/stream", headers=headers, timeout=timeout
            ) as response:
                source = EventSource(response)
                self._note_contact()
                for sent in source.iter_sse():
                    self._note_contact()
                    if sent.event == "end":
                        self._ended = True
                        yield Event("end", {})
                        return
                    if sent.event == "progress":
                        yield Event("progress", json.loads(sent.data))
                    elif sent.event != "message":
                        yield from self._once(Event(sent.event, json.loads(sent.data)))
        except SSEError as error:
            raise NoStream from error
        except CommandRefused as refusal:
            if (refusal.problem or {}).get("code") in {"not-found", "method-not-allowed"}:
                raise NoStream from refusal
            raise

    def _polled(self) -> Iterator[Event]:
        while True:
            # In this order: all that happened before the end is in the list that follows.
            swap = self._api.glance(self._path)
            events = self._api.glance(f"{self._path}/events")["items"]
            self._note_contact()
            for event in events:
                yield from self._once(Event(event["kind"], event))
            yield Event("progress", swap)
            if swap["phase"] == "completed":
                self._ended = True
                yield Event("end", {})
                return
            time.sleep(_LOOK_SECONDS)

    def _once(self, event: Event) -> Iterator[Event]:
        generation = event.data["generation"]
        if generation > self._last:
            self._last = generation
            yield event

    def _note_contact(self) -> None:
        self._last_contact_at = time.monotonic()
        self._lost(None)


@dataclass(frozen=True, slots=True)
class Connection:
    """It broke, for this reason; None: it is there."""

    lost: str | None


class EventQueue:
    """What a swap that is followed says, to be waited for no longer than one likes: a stream
    that is silent would keep its reader from everything else.
    """

    def __init__(self, api: Api, swap_id: str, *, patience_seconds: float) -> None:
        self._queue: SimpleQueue[Event | Connection | Exception] = SimpleQueue()
        self._following = Following(
            api, swap_id, patience_seconds=patience_seconds, lost=self._tell_connection
        )
        self._connected = True
        # It ends with the process: a read that hangs keeps nobody from leaving.
        threading.Thread(target=self._listen, name="follows a swap", daemon=True).start()

    def next(self, seconds: float) -> Event | Connection:
        """Raises Empty after that time, and what ended the following."""
        received = self._queue.get(timeout=seconds)
        if isinstance(received, Exception):
            raise received
        return received

    def _tell_connection(self, lost: str | None) -> None:
        if lost is not None or not self._connected:
            self._queue.put(Connection(lost))
        self._connected = lost is None

    def _listen(self) -> None:
        try:
            for event in self._following.events():
                self._queue.put(event)
        except Exception as error:  # raised where somebody waits for it
            self._queue.put(error)
