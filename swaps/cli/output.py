"""What is shown. Results go to stdout, remarks and errors to stderr.

Names and reasons come from other people and from model hosts: no character of theirs may
steer the terminal, so all that is shown passes through `plain`.
"""

import json
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

# Wide enough that no line of a pipe is cut.
_PIPE_WIDTH = 100_000

type Document = dict[str, Any]
type Cell = str | int | float | Text | None

GOOD, BAD, BUSY, FAINT = "green", "red", "yellow", "bright_black"


def screen(*, stderr: bool = False) -> Console:
    """Of the present stdout; without a terminal it has no colours and cuts nothing."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _PIPE_WIDTH
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False, width=width)


def plain(value: object) -> str:
    """One line of visible characters; a dash for what is not known."""
    if value is None:
        return "–"
    return "".join(
        "\N{REPLACEMENT CHARACTER}" if unicodedata.category(sign) in {"Cc", "Cf"} else sign
        for sign in " ".join(str(value).split())
    )


def show(thing: RenderableType) -> None:
    """In a pipe without the blanks that fill a table's last column."""
    console = screen()
    if console.is_terminal:
        console.print(thing)
        return
    with console.capture() as captured:
        console.print(thing)
    sys.stdout.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
    sys.stdout.flush()


def say(text: object, style: str = "") -> None:
    screen().print(Text(plain(text), style=style))


def remark(text: object, style: str = FAINT) -> None:
    """Beside the result: to stderr."""
    screen(stderr=True).print(Text(plain(text), style=style))


def show_json(value: object, *, one_line: bool = False) -> None:
    """As the server said it; ASCII, so nothing in it steers a terminal either."""
    text = json.dumps(value) if one_line else json.dumps(value, indent=2)
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def show_table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, empty: str) -> None:
    """`empty`: what to say, and to do, where there is no row."""
    shown = list(rows)
    if not shown:
        say(empty)
        return
    table = Table(box=None, pad_edge=False, header_style=FAINT)
    for name in columns:
        table.add_column(name, overflow="fold")
    for row in shown:
        table.add_row(*(cell if isinstance(cell, Text) else Text(plain(cell)) for cell in row))
    show(table)


def show_facts(facts: Mapping[str, Cell]) -> None:
    """One object: a name and a value a line."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style=FAINT)
    table.add_column(overflow="fold")
    for name, value in facts.items():
        table.add_row(name, value if isinstance(value, Text) else Text(plain(value)))
    show(table)


def time_of(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def short_time(text: str | None, *, fine: bool = False) -> str:
    """In UTC, as the pages and the log have it, which its Z says; with the date, unless it is of
    today.
    """
    at = time_of(text)
    if at is None:
        return "–"
    at = at.astimezone(UTC)
    clock = at.strftime("%H:%M:%S") + (f".{at.microsecond // 1000:03d}Z" if fine else "Z")
    return clock if at.date() == datetime.now(UTC).date() else f"{at:%Y-%m-%d} {clock}"


def duration(seconds: float | None) -> str:
    """`0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 7200:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def weights_text(weights: Mapping[str, float] | None) -> str:
    """`1.0 75 %, 1.1 25 %`."""
    if weights is None:
        return "–"
    parts = [f"{version} {weight:g} %" for version, weight in weights.items() if weight]
    return ", ".join(parts) or "none"
