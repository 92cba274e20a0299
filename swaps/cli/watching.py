"""Following a swap before somebody's eyes: drawn on a terminal, else a line an event."""

import os
import re
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from queue import Empty
from typing import Protocol

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from swaps.cli.drawing import STYLE_OF_STATE, draining_version, headline, picture, server_now
from swaps.cli.exits import OF_STATE, ExitCode
from swaps.cli.following import Connection, Event, EventQueue
from swaps.cli.output import (
    BAD,
    FAINT,
    Document,
    duration,
    plain,
    remark,
    screen,
    short_time,
    show_json,
)
from swaps.cli.rest import Api, path_of

INTERRUPTED = 130
# A long drain in a pipeline's log: a sign of life now and then, not every change.
_PROGRESS_EVERY_SECONDS = 10.0
_FRAMES_A_SECOND = 4
# What a swap waits for changes quickly while it works: it is said once it stands for so long.
_QUIET_SECONDS = 1.0


class Display(Protocol):
    def event(self, event: Event) -> None: ...
    def swap(self, swap: Document) -> None: ...
    def lost(self, reason: str | None) -> None: ...
    def quiet(self) -> None: ...
    def stopped(self, swap: Document, words: str) -> None: ...
    def end(self, swap: Document) -> None: ...


@dataclass(frozen=True, slots=True)
class Follow:
    """How far: `to_hold` stops where the swap holds or waits for a person, `limit_seconds` after
    that time. `after_step`: what holds at this step does not count, it was promoted just now.
    `retry_for`: seconds that a server which is away is waited for.
    """

    to_hold: bool = False
    limit_seconds: float | None = None
    retry_for: float = 0.0
    after_step: int = -1


def follow(
    api: Api,
    swap: Document,
    how: Follow,
    *,
    as_json: bool,
    good_ends: Collection[str] = ("Completed",),
) -> None:
    """To the end of the swap, or as far as `how` says, then ends the command: with 0 for an end
    that was asked for, else with the code of the end. Ctrl-C ends the watching alone.
    """
    try:
        code, swap = _follow(api, swap, how, as_json=as_json)
    except KeyboardInterrupt:
        remark(f"Stopped watching; the swap goes on. Come back: hotswap watch {swap['id']}")
        remark(f"Take it back: hotswap rollback {swap['id']}")
        raise typer.Exit(INTERRUPTED) from None
    if code is not None:
        raise typer.Exit(code)
    state = swap["state"]
    if state in good_ends:
        raise typer.Exit(ExitCode.COMPLETED)
    # What was asked for did not come about, even if the swap did.
    raise typer.Exit(OF_STATE.get(state, ExitCode.FAILED) or ExitCode.FAILED)


def _follow(
    api: Api, swap: Document, how: Follow, *, as_json: bool
) -> tuple[ExitCode | None, Document]:
    """The swap as it was last, and why it was not followed to its end; None: it was."""
    path = path_of("swaps", swap["id"])
    limit = None if how.limit_seconds is None else time.monotonic() + how.limit_seconds
    with _display(swap, as_json=as_json) as display:
        display.swap(swap)
        events = EventQueue(api, swap["id"], patience_seconds=how.retry_for)
        while True:
            if how.to_hold and holds(swap, after_step=how.after_step):
                display.stopped(swap, f"it holds: {swap['waiting_for']}")
                return ExitCode.HOLDS, swap
            left = None if limit is None else limit - time.monotonic()
            if left is not None and left <= 0:
                display.stopped(swap, f"not over after {duration(how.limit_seconds)}")
                return ExitCode.TIMED_OUT, swap
            try:
                event = events.next(_QUIET_SECONDS if left is None else min(left, _QUIET_SECONDS))
            except Empty:
                display.quiet()
                continue
            if isinstance(event, Connection):
                display.lost(event.lost)
                continue
            if event.kind == "end":
                break
            if event.kind == "progress":
                swap = swap | event.data
            elif event.data["generation"] > swap["generation"]:
                swap = api.get(path)
            display.swap(swap)
            display.event(event)
        swap = api.get(path)
        display.end(swap)
    return None, swap


def holds(swap: Document, *, after_step: int = -1) -> bool:
    """It stands where a person decides, or where its strategy holds, with that weight applied."""
    if swap["state"] == "NotStarted":
        return bool(swap["approval"] and swap["approval"]["status"] == "waiting")
    if swap["state"] != "Transitioning" or swap["weights"]["applied"] is None:
        return False
    if swap["paused"]:
        return True
    current = [step for step in swap["steps"] if step["status"] == "current"]
    held = bool(current) and current[0]["weight"] is None
    return held and swap["step_index"] > after_step


@contextmanager
def _display(swap: Document, *, as_json: bool) -> Iterator[Display]:
    if as_json:
        yield _JsonLines(swap["id"])
    elif sys.stdout.isatty() and os.environ.get("TERM", "") not in ("", "dumb"):
        with _Drawing(swap) as drawing:
            yield drawing
    else:
        yield _PlainLines(swap)


class _JsonLines:
    """Each event with its kind and the swap's id; the last line holds the whole swap, and is an
    `end`, or where following stopped before that, `stopped` with the reason.
    """

    def __init__(self, swap_id: str) -> None:
        self._swap_id = swap_id

    def event(self, event: Event) -> None:
        show_json({"event": event.kind, "swap_id": self._swap_id} | event.data, one_line=True)

    def swap(self, swap: Document) -> None:
        pass

    def lost(self, reason: str | None) -> None:
        if reason is not None:
            remark(f"{reason}; trying again")

    def quiet(self) -> None:
        pass

    def stopped(self, swap: Document, words: str) -> None:
        line = {"event": "stopped", "swap_id": self._swap_id, "reason": words, "swap": swap}
        show_json(line, one_line=True)

    def end(self, swap: Document) -> None:
        show_json({"event": "end", "swap_id": self._swap_id, "swap": swap}, one_line=True)


class _PlainLines:
    """A line an event; and what it waits for, once nothing else happens: when that is another
    thing than was said last, and again now and then while it waits on.
    """

    def __init__(self, swap: Document) -> None:
        self._swap = swap
        self._lost = False
        self._printed_at = time.monotonic()
        self._waits_for = ""
        screen().print(Text(f"swap {swap['id']}  ").append(headline(swap)))

    def event(self, event: Event) -> None:
        if event.kind == "progress":
            self.quiet()
            return
        screen().print(event_line(event.data))
        self._printed_at = time.monotonic()
        self._waits_for = ""

    def quiet(self) -> None:
        since = time.monotonic() - self._printed_at
        words = self._swap["waiting_for"] or ""
        other = _without_figures(words) != _without_figures(self._waits_for)
        if words and since >= (_QUIET_SECONDS if other else _PROGRESS_EVERY_SECONDS):
            screen().print(Text(f"{'':14}{plain(words)}"))
            self._printed_at = time.monotonic()
            self._waits_for = words

    def swap(self, swap: Document) -> None:
        self._swap = swap

    def lost(self, reason: str | None) -> None:
        if reason is not None and not self._lost:
            remark(f"{reason}; the swap goes on, trying again")
        if reason is None and self._lost:
            remark("connected again")
        self._lost = reason is not None

    def stopped(self, swap: Document, words: str) -> None:
        screen().print(_stopping_place(swap, words))

    def end(self, swap: Document) -> None:
        screen().print(outcome(swap))


def _without_figures(words: str) -> str:
    """Seconds that are left and requests that are counted are no other thing to wait for."""
    return re.sub(r"\d+", "#", words)


def _stopping_place(swap: Document, words: str) -> Text:
    state = plain(swap["state"])
    text = Text(f"{state}: {plain(words)}", style=STYLE_OF_STATE.get(swap["state"], "bold"))
    if swap["waiting_for"] and swap["waiting_for"] not in words:
        text.append(f". {plain(swap['waiting_for'])}", style="default")
    at = swap["step_index"] + 1
    step = f" It stands at step {at} of {len(swap['steps'])}." if at <= len(swap["steps"]) else ""
    return text.append(f"{step} The swap goes on: hotswap watch {swap['id']}", style="default")


class _Drawing:
    """Events scroll by above; below them the swap as it is now, and counting."""

    def __init__(self, swap: Document) -> None:
        self._swap = swap
        self._ahead = server_now(swap, datetime.now(UTC))
        self._most_draining = 0
        self._reason: str | None = None
        self._last_event_at = time.monotonic()
        self._live = Live(
            get_renderable=self._picture,
            console=screen(),
            refresh_per_second=_FRAMES_A_SECOND,
            vertical_overflow="visible",
        )

    def __enter__(self) -> "_Drawing":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: Event) -> None:
        if event.kind != "progress":
            self._live.console.print(event_line(event.data))

    def swap(self, swap: Document) -> None:
        if swap["timings"] is not self._swap["timings"]:  # a reading, not progress alone
            self._ahead = server_now(swap, datetime.now(UTC))
        draining = draining_version(swap)
        if draining is not None and draining[1] is not None:
            self._most_draining = max(self._most_draining, draining[1])
        self._swap = swap

    def lost(self, reason: str | None) -> None:
        self._reason = reason
        if reason is None:
            self._last_event_at = time.monotonic()

    def quiet(self) -> None:
        pass

    def stopped(self, swap: Document, words: str) -> None:
        self._last(swap)
        screen().print(_stopping_place(swap, words))

    def end(self, swap: Document) -> None:
        self._ahead = timedelta()
        self._last(swap)
        screen().print(outcome(swap))

    def _last(self, swap: Document) -> None:
        self._swap = swap
        now = datetime.now(UTC) + self._ahead
        self._live.update(picture(swap, now=now), refresh=True)
        self._live.stop()

    def _picture(self) -> RenderableType:
        lost = None
        if self._reason is not None:
            age = duration(time.monotonic() - self._last_event_at)
            lost = f"{self._reason}. This is {age} old; trying again, and the swap goes on."
        now = datetime.now(UTC) + self._ahead
        return picture(self._swap, now=now, most_draining=self._most_draining, lost=lost)


def event_line(event: Document) -> Text:
    """`05:26:37.693  Transitioning       100 % → 1.1`, with who asked for it."""
    state = event["to_state"] or event["from_state"]
    text = Text.assemble(
        (short_time(event["time"], fine=True), FAINT),
        "  ",
        (f"{plain(state):<18}", STYLE_OF_STATE.get(state, "")),
        "  ",
        plain(event["reason"]),
    )
    if event["actor"] != "engine":
        text.append(f"  ({plain(event['actor'])}, {plain(event['source'])})", style=FAINT)
    return text


def outcome(swap: Document) -> Text:
    """How it ended, in one line: what serves now, how long it took, and why it failed."""
    state = swap["state"]
    serving = swap["to_version"] if state == "Completed" else swap["from_version"]
    text = Text(plain(state), style=f"bold {STYLE_OF_STATE.get(state, '')}".strip())
    serves = f"{serving} serves" if serving else "no version serves"
    text.append(f": {plain(serves)} {plain(swap['model_name'])}", style="default")
    text.append(f", after {duration(swap['timings']['total_seconds'])}", style="default")
    if swap["error_message"]:
        text.append(f". {plain(swap['error_message'])}", style=BAD)
    return text
