"""audit: who did what, and who was refused."""

import re
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.text import Text

from swaps.cli.exits import Misused
from swaps.cli.options import AsJson, connected, find_swap, read_seconds
from swaps.cli.output import BAD, Document, plain, screen, short_time, show_json, show_table
from swaps.cli.rest import Api

_LOOK_SECONDS = 2.0
_COLUMNS = ("time", "who", "role", "from", "action", "object", "outcome", "reason")


def audit(
    actor: Annotated[str | None, typer.Option(help="Of this person or token's user.")] = None,
    source: Annotated[
        str | None, typer.Option(help="console, API, admin, command line or engine")
    ] = None,
    action: Annotated[
        str | None, typer.Option(help="Such as swap, rollback, manage-hosts.")
    ] = None,
    object_kind: Annotated[str | None, typer.Option(help="host, model, swap, token …")] = None,
    object_name: Annotated[str | None, typer.Option("--object", help="Its name.")] = None,
    swap: Annotated[
        str | None, typer.Option(help="Of this swap: an id, or a model's name.")
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="done or refused")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME|DURATION")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME|DURATION")] = None,
    search: Annotated[str | None, typer.Option(help="In reasons and names.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show new entries as they come.")
    ] = False,
    export: Annotated[
        str | None, typer.Option(metavar="csv|jsonl", help="All that match, to stdout.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, the newest entry last."""
    with connected() as api:
        wanted: Document = {
            "actor": actor,
            "source": source,
            "action": action,
            "object_kind": object_kind,
            "object_name": object_name,
            "swap": find_swap(api, swap) if swap else None,
            "outcome": outcome,
            "since": _moment(since),
            "until": _moment(until),
            "q": search,
        }
        if export is not None:
            _export(api, export, {name: value for name, value in wanted.items() if value})
            return
        found = list(api.items("audit", at_most=limit, **wanted))[::-1]
        if not follow:
            _show(found, as_json)
            return
        _follow(api, found, wanted, as_json)


def _follow(api: Api, shown: list[Document], wanted: Document, as_json: bool) -> None:
    last = shown[-1]["id"] if shown else 0
    _print_lines(shown, as_json)
    while True:
        time.sleep(_LOOK_SECONDS)
        new = []
        for entry in api.items("audit", **wanted):
            if entry["id"] <= last:
                break
            new.append(entry)
        if new:
            last = new[0]["id"]
            _print_lines(reversed(new), as_json)


def _print_lines(entries: Iterable[Document], as_json: bool) -> None:
    for entry in entries:
        if as_json:
            show_json(entry, one_line=True)
        else:
            screen().print(Text("  ").join(_words(cell) for cell in _cells(entry)))


def _show(entries: list[Document], as_json: bool) -> None:
    if as_json:
        show_json({"items": entries})
    else:
        show_table(_COLUMNS, map(_cells, entries), empty="No entry matches.")


def _words(cell: str | Text | None) -> Text:
    return cell if isinstance(cell, Text) else Text(plain(cell))


def _cells(entry: Document) -> tuple[str | Text | None, ...]:
    refused = entry["outcome"] == "refused"
    return (
        short_time(entry["time"]),
        entry["actor"],
        entry["role"],
        entry["source"],
        entry["action"],
        f"{entry['object_kind']} {entry['object_name']}",
        Text(plain(entry["outcome"]), style=BAD if refused else ""),
        entry["reason"] or "",
    )


def _export(api: Api, form: str, wanted: Document) -> None:
    if form not in ("csv", "jsonl"):
        raise Misused(f"--export is csv or jsonl, not {form!r}")
    with api.open_stream("audit/export", params={"format": form} | wanted) as answer:
        for piece in answer.iter_bytes():
            sys.stdout.buffer.write(piece)
    sys.stdout.flush()


def _moment(text: str | None) -> str | None:
    """A time as RFC 3339, or a duration: so long ago."""
    if text is None:
        return None
    if re.fullmatch(r"\d+[smhd]", text):
        return (datetime.now(UTC) - timedelta(seconds=read_seconds(text))).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misused(f"{text!r} is no time: write 2026-11-24T05:00:00Z, or 2h for ago") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
