"""Arguments and options that several commands share, and how their values are read."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from swaps.cli.exits import CommandError, Misused
from swaps.cli.logins import current_login
from swaps.cli.output import Document
from swaps.cli.rest import PATIENCE_SECONDS, Api, path_of

FOLLOWING_PATIENCE_SECONDS = 300.0
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@contextmanager
def connected(*, patience_seconds: float = PATIENCE_SECONDS) -> Iterator[Api]:
    api = Api(current_login(), patience_seconds=patience_seconds)
    try:
        yield api
    finally:
        api.close()


def read_seconds(text: str | int) -> int:
    """`90`, `90s`, `5m`, `2h`, `1d` → seconds."""
    found = re.fullmatch(r"(\d{1,9})([smhd]?)", str(text).strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration: write 90, 90s, 5m or 2h")
    return int(found[1]) * _UNITS[found[2]]


def read_until(text: str) -> bool:
    """Whether a hold is the end of following."""
    if text not in {"end", "hold"}:
        raise typer.BadParameter(f"--until {text!r}: write end or hold")
    return text == "hold"


def read_strategy(text: str | None) -> Any:
    """A name, steps as JSON, or @FILE that holds them."""
    if text is None:
        return None
    if text.startswith("@"):
        given = read_json_file(text[1:])
    elif text.lstrip().startswith(("{", "[")):
        try:
            given = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise Misused(f"the strategy is no JSON: {error}") from error
    else:
        return text
    return {"steps": given} if isinstance(given, list) else given


def read_text_file(name: str) -> str:
    """`-` is standard input."""
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Misused(f"{name} cannot be read: {error}") from error


def read_json_file(name: str) -> Any:
    try:
        return json.loads(read_text_file(name))
    except (ValueError, RecursionError) as error:
        raise Misused(f"{name} holds no JSON document: {error}") from error


def is_id(named: str) -> bool:
    try:
        UUID(named)
    except ValueError:
        return False
    return True


def find_swap(api: Api, named: str) -> str:
    """The id of the swap that is meant: an id, or a model's open or else newest swap."""
    if is_id(named):
        return str(UUID(named))
    newest = next(api.items("swaps", model=named, at_most=1, limit=1), None)
    model = api.get(path_of("models", named))  # refuses an unknown model in the server's words
    if model["open_swap"]:
        return str(model["open_swap"])
    if newest is None:
        raise Misused(f"{named} was never swapped: nothing to show")
    return str(newest["id"])


def _completing(path: str, name: str) -> Callable[[str], list[str]]:
    """What the shell may complete to; nothing, and silently, when the server does not say."""

    def complete(incomplete: str) -> list[str]:
        try:
            with connected(patience_seconds=0) as api:
                items: list[Document] = api.glance(path)["items"]
        except (CommandError, httpx.HTTPError):
            return []
        return [item[name] for item in items if str(item[name]).startswith(incomplete)]

    return complete


AsJson = Annotated[
    bool, typer.Option("--json", help="For programs: one JSON document; JSON lines when following.")
]
Reason = Annotated[str, typer.Option("--reason", help="Why, for the timeline and the audit.")]
Wait = Annotated[bool, typer.Option("--wait", help="Follow to the end; its exit code tells.")]
RetryFor = Annotated[
    int,
    typer.Option(
        "--retry-for",
        parser=read_seconds,
        metavar="DURATION",
        help="While following: how long a server that is away is waited for.",
        show_default="5m",
    ),
]
Until = Annotated[
    str,
    typer.Option(
        "--until",
        metavar="end|hold",
        help="hold: stop where the swap holds, or waits for a person (exit code 8).",
        show_default="end",
    ),
]
Limit = Annotated[
    int | None,
    typer.Option(
        "--timeout",
        parser=read_seconds,
        metavar="DURATION",
        help="Follow for so long at most; the swap goes on (exit code 9).",
    ),
]
Seen = Annotated[
    int | None,
    typer.Option(
        "--seen",
        min=0,
        metavar="GENERATION",
        help="Refused if the swap went on since this generation (see 'hotswap status --json').",
    ),
]
DEFAULT_RETRY = int(FOLLOWING_PATIENCE_SECONDS)
ModelName = Annotated[
    str, typer.Argument(metavar="MODEL", autocompletion=_completing("models", "name"))
]
HostName = Annotated[
    str, typer.Argument(metavar="HOST", autocompletion=_completing("hosts", "name"))
]
SwapRef = Annotated[
    str,
    typer.Argument(
        metavar="SWAP",
        help="A swap's id, or a model's name for its open swap or else its newest.",
        autocompletion=_completing("models", "name"),
    ),
]
Hosts = Annotated[
    list[str] | None,
    typer.Option("--host", help="Load on this host; may be repeated. Default: wherever it is."),
]
Strategy = Annotated[
    str | None,
    typer.Option(metavar="NAME|JSON|@FILE", help="all-at-once, canary, linear, a name, or steps."),
]
Duration = Annotated[int | None, typer.Option(parser=read_seconds, metavar="DURATION")]
Policy = Annotated[
    str | None,
    typer.Option(metavar="wait|rollback|force", help="When the old version is not idle in time."),
]
