"""Following a swap before somebody's eyes: drawn on a terminal, else a line an event."""

import os
import sys
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Protocol

import typer
from rich.console import RenderableType
from rich.live import Live
from rich.text import Text

from swaps.cli.drawing import STYLE_OF_STATE, draining_version, headline, picture, server_now
from swaps.cli.exits import OF_STATE, ExitCode
from swaps.cli.following import Event, Following
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


class Display(Protocol):
    def event(self, event: Event) -> None: ...
    def swap(self, swap: Document) -> None: ...
    def lost(self, reason: str | None) -> None: ...
    def end(self, swap: Document) -> None: ...


def follow(
    api: Api,
    swap: Document,
    *,
    as_json: bool,
    retry_for: float,
    good_ends: Collection[str] = ("Completed",),
) -> None:
    """To the end of the swap, then ends the command: with 0 for an end that was asked for,
    else with the code of the end. Ctrl-C ends the watching alone.
    """
    try:
        ended = _follow(api, swap, as_json=as_json, retry_for=retry_for)
    except KeyboardInterrupt:
        remark(f"Stopped watching; the swap goes on. Come back: hotswap watch {swap['id']}")
        remark(f"Take it back: hotswap rollback {swap['id']}")
        raise typer.Exit(INTERRUPTED) from None
    state = ended["state"]
    if state in good_ends:
        raise typer.Exit(ExitCode.COMPLETED)
    # What was asked for did not come about, even if the swap did.
    raise typer.Exit(OF_STATE.get(state, ExitCode.FAILED) or ExitCode.FAILED)


def _follow(api: Api, swap: Document, *, as_json: bool, retry_for: float) -> Document:
    path = path_of("swaps", swap["id"])
    with _display(swap, as_json=as_json) as display:
        display.swap(swap)
        following = Following(
            api, swap["id"], patience_seconds=retry_for, lost=display.lost
        ).events()
        for event in following:
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
    return swap


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
    """Each event with its kind and the swap's id; the last line holds the whole swap."""

    def __init__(self, swap_id: str) -> None:
        self._swap_id = swap_id

    def event(self, event: Event) -> None:
        show_json({"event": event.kind, "swap_id": self._swap_id} | event.data, one_line=True)

    def swap(self, swap: Document) -> None:
        pass

    def lost(self, reason: str | None) -> None:
        if reason is not None:
            remark(f"{reason}; trying again")

    def end(self, swap: Document) -> None:
        show_json({"event": "end", "swap_id": self._swap_id, "swap": swap}, one_line=True)


class _PlainLines:
    def __init__(self, swap: Document) -> None:
        self._swap = swap
        self._lost = False
        self._said_at = time.monotonic()
        screen().print(Text(f"swap {swap['id']}  ").append(headline(swap)))

    def event(self, event: Event) -> None:
        if event.kind != "progress":
            screen().print(event_line(event.data))
        elif time.monotonic() - self._said_at < _PROGRESS_EVERY_SECONDS:
            return
        elif self._swap["waiting_for"]:
            screen().print(Text(f"{'':14}{plain(self._swap['waiting_for'])}"))
        self._said_at = time.monotonic()

    def swap(self, swap: Document) -> None:
        self._swap = swap

    def lost(self, reason: str | None) -> None:
        if reason is not None and not self._lost:
            remark(f"{reason}; the swap goes on, trying again")
        if reason is None and self._lost:
            remark("connected again")
        self._lost = reason is not None

    def end(self, swap: Document) -> None:
        screen().print(outcome(swap))


class _Drawing:
    """Events scroll by above; below them the swap as it is now, and counting."""

    def __init__(self, swap: Document) -> None:
        self._swap = swap
        self._ahead = server_now(swap, datetime.now(UTC))
        self._most_draining = 0
        self._reason: str | None = None
        self._heard_at = time.monotonic()
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
            self._heard_at = time.monotonic()

    def end(self, swap: Document) -> None:
        self._swap, self._ahead = swap, timedelta()
        self._live.update(picture(swap, now=datetime.now(UTC)), refresh=True)
        self._live.stop()
        screen().print(outcome(swap))

    def _picture(self) -> RenderableType:
        lost = None
        if self._reason is not None:
            age = duration(time.monotonic() - self._heard_at)
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
