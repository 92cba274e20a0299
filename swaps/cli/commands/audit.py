"""audit: who did what, and who was refused."""

import inspect
import re
import sys
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path
from typing import IO, Annotated, Any

import typer
from rich.text import Text

from swaps.cli.exits import CommandError, Misused
from swaps.cli.options import AsJson, connected, find_swap, read_seconds
from swaps.cli.output import (
    BAD,
    BUSY,
    GOOD,
    Document,
    plain,
    remark,
    screen,
    short_time,
    show_facts,
    show_json,
    show_table,
)
from swaps.cli.rest import Api, path_of
from swaps.cli.watching import INTERRUPTED

app = typer.Typer(
    name="audit", help="See who did what, and who was refused.", invoke_without_command=True
)

_LOOK_SECONDS = 2.0
_COLUMNS = ("id", "time", "who", "role", "from", "action", "object", "outcome", "reason")
_STYLES = {"sealed": GOOD, "waiting": BUSY, "broken": f"bold {BAD}"}


def _filters(
    actor: Annotated[str | None, typer.Option(help="A user name, or engine.")] = None,
    role: Annotated[
        str | None, typer.Option(help="viewer, operator, administrator or none")
    ] = None,
    source: Annotated[
        str | None, typer.Option(help="console, API, admin, command line or engine")
    ] = None,
    token: Annotated[str | None, typer.Option(help="Its first characters, as listed.")] = None,
    address: Annotated[str | None, typer.Option(help="An address or a network.")] = None,
    request_id: Annotated[str | None, typer.Option()] = None,
    action: Annotated[
        str | None, typer.Option(help="Such as swap, rollback, manage-hosts, login.")
    ] = None,
    object_kind: Annotated[str | None, typer.Option(help="host, model, swap, token …")] = None,
    object_name: Annotated[str | None, typer.Option("--object", help="Its name.")] = None,
    swap: Annotated[
        str | None, typer.Option(help="Of this swap: an id, or a model's name.")
    ] = None,
    outcome: Annotated[str | None, typer.Option(help="done or refused")] = None,
    reason: Annotated[str | None, typer.Option(help="Words that the reason contains.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME|DURATION")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME|DURATION")] = None,
) -> Document:
    """What was said of them, as the API's filters; the server checks the values."""
    chosen = {name: value for name, value in locals().items() if value}
    for name in ("since", "until"):
        if name in chosen:
            chosen[name] = _moment(chosen[name])
    return chosen


def _with_filters(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of `_filters` to a command, whose first parameter gets what was said."""
    filters = inspect.signature(_filters)
    own = list(inspect.signature(command).parameters.values())[1:]

    @wraps(command)
    def filtered(**given: Any) -> None:
        wanted = _filters(**{name: given.pop(name) for name in filters.parameters})
        context = {"context": given.pop("context")} if "context" in given else {}
        command(wanted, **context, **given)

    place = 1 if own and own[0].name == "context" else 0
    parameters = [*own[:place], *filters.parameters.values(), *own[place:]]
    keyword_only = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    filtered.__signature__ = inspect.Signature(keyword_only)  # type: ignore[attr-defined]
    del filtered.__wrapped__  # it has the other signature
    return filtered


@app.callback()
@_with_filters
def audit(
    wanted: Document,
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show new entries as they come.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the audit log, the newest entry last."""
    if context.invoked_subcommand is not None:
        if wanted:
            raise Misused(
                f"filters come after the command: hotswap audit {context.invoked_subcommand} …"
            )
        return
    with connected() as api:
        _resolve_swap(api, wanted)
        found = list(api.items("audit", at_most=limit, **wanted))[::-1]
        if not follow:
            _show(found, as_json)
            return
        try:
            _follow(api, found, wanted, as_json)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None


@app.command("show")
def show_entry(
    entry_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False
) -> None:
    """Show one entry, and what proves it. Ends with 1 when the proof is broken."""
    with connected() as api:
        entry = api.get(path_of("audit", str(entry_id)))
    proof = entry["proof"]
    if as_json:
        show_json(entry)
    else:
        told = Text(plain(proof["state"]), style=_STYLES.get(proof["state"], ""))
        if proof["seal"]:
            told.append(f", seal {proof['seal']} of {short_time(proof['sealed_at'])}")
        if proof["reason"]:
            told.append(f": {plain(proof['reason'])}")
        facts = {name.replace("_", " "): value for name, value in entry.items()}
        facts |= {name: _changes(entry[name]) for name in ("before", "after")}
        show_facts(facts | {"time": short_time(entry["time"], fine=True), "proof": told})
    if proof["state"] == "broken":
        raise CommandError(f"entry {entry_id} is not as Hotswap wrote it: {proof['reason']}")


@app.command("export")
@_with_filters
def export(
    wanted: Document,
    form: Annotated[
        str, typer.Option("--format", metavar="csv|jsonl", help="csv is safe for spreadsheets.")
    ] = "jsonl",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A file; without it to stdout.")
    ] = None,
) -> None:
    """Write every entry that matches, the oldest first. The export itself is audited."""
    with connected() as api:
        _resolve_swap(api, wanted)
        with api.open_stream("audit/export", params={"format": form} | wanted) as answer:
            if output is None:
                _copy(answer.iter_bytes(), sys.stdout.buffer)
                return
            # A file under its name is complete: what broke off was never there.
            unfinished = output.with_name(f"{output.name}.part")
            try:
                with unfinished.open("wb") as file:
                    _copy(answer.iter_bytes(), file)
                unfinished.replace(output)
            except OSError as error:
                raise CommandError(f"{output} cannot be written: {error}") from error
            finally:
                unfinished.unlink(missing_ok=True)
    remark(f"written to {output}")


def _copy(pieces: Iterable[bytes], file: IO[bytes]) -> None:
    for piece in pieces:
        file.write(piece)
    file.flush()


def _resolve_swap(api: Api, wanted: Document) -> None:
    if "swap" in wanted:
        wanted["swap"] = find_swap(api, wanted["swap"])


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


def _words(cell: str | int | Text | None) -> Text:
    return cell if isinstance(cell, Text) else Text(plain(cell))


def _cells(entry: Document) -> tuple[str | int | Text | None, ...]:
    refused = entry["outcome"] == "refused"
    return (
        entry["id"],
        short_time(entry["time"]),
        entry["actor"],
        entry["role"],
        entry["source"],
        entry["action"],
        f"{entry['object_kind']} {entry['object_name']}",
        Text(plain(entry["outcome"]), style=BAD if refused else ""),
        entry["reason"] or "",
    )


def _changes(values: Document | None) -> str | None:
    if values is None:
        return None
    return ", ".join(f"{name}: {plain(value)}" for name, value in values.items())


def _moment(text: str) -> str:
    """A time as RFC 3339, or a duration: so long ago."""
    if re.fullmatch(r"\d+[smhd]", text):
        return (datetime.now(UTC) - timedelta(seconds=read_seconds(text))).isoformat()
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise Misused(f"{text!r} is no time: write 2026-11-24T05:00:00Z, or 2h for ago") from error
    if moment.tzinfo is None and "T" in text:
        raise Misused(f"{text!r} says no zone: write {text}Z for UTC, or an offset such as +02:00")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).isoformat()
