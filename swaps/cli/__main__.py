"""The commands put together. Every error ends in a sentence and an exit code."""

import json
import sys
from collections.abc import Callable
from typing import Annotated, NoReturn

import httpx
import typer

from swaps.cli import __version__
from swaps.cli.commands import (
    acting,
    approving,
    audit,
    hosts,
    models,
    router,
    signing_in,
    strategies,
    swaps,
    tokens,
    users,
)
from swaps.cli.exits import CommandError, ExitCode
from swaps.cli.output import BAD, remark, say

EPILOG = (
    "Exit codes: 0 completed, 1 failed, 2 usage, 3 rolled back, 4 refused, 5 cancelled, "
    "6 unreachable, 7 unauthenticated, 8 holds (--until hold), 9 not over in time (--timeout). "
    "HOTSWAP_URL and HOTSWAP_TOKEN win over 'hotswap login'; NO_COLOR is honoured."
)

app = typer.Typer(
    name="hotswap",
    help="Put a new version of a model in front of live traffic without dropping one request.",
    epilog=EPILOG,
    no_args_is_help=True,
    # A traceback with the values of variables would show tokens.
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"hotswap {__version__}")
        raise typer.Exit


@app.callback()
def hotswap(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show it.")
    ] = False,
) -> None:
    pass


PANELS: dict[str, tuple[Callable[..., None] | typer.Typer, ...]] = {
    "Swap": (swaps.swap, swaps.watch, swaps.status, swaps.list_swaps),
    "Act on a swap": (
        *acting.COMMANDS,
        *(approving.approve, approving.reject, acting.queue),
    ),
    "The fleet": (hosts.app, models.app, strategies.app, router.app, audit.app),
    "Access": (signing_in.login, signing_in.logout, signing_in.whoami, tokens.app, users.app),
}
for panel, entries in PANELS.items():
    for entry in entries:
        if isinstance(entry, typer.Typer):
            app.add_typer(entry, rich_help_panel=panel)
        else:
            name = "swaps" if entry is swaps.list_swaps else None
            app.command(name, rich_help_panel=panel)(entry)


def main() -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a sign shows another one, not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    try:
        app()
    except CommandError as error:
        _end(error)
    except httpx.HTTPError as error:
        _end(CommandError(f"the server's answer broke off: {error}"))
    sys.exit(ExitCode.COMPLETED)


def _end(error: CommandError) -> NoReturn:
    if "--json" in sys.argv:
        document = {"error": str(error), "exit_code": error.exit_code, "problem": error.problem}
        sys.stderr.write(json.dumps(document) + "\n")
    else:
        remark(f"hotswap: {error}", BAD)
    sys.exit(error.exit_code)


if __name__ == "__main__":
    main()
