"""login, logout, whoami."""

import getpass
import os
import sys
from typing import Annotated

import typer

from swaps.cli.exits import CommandError, Misused, Unauthenticated
from swaps.cli.logins import (
    TOKEN_VARIABLE,
    URL_VARIABLE,
    Login,
    checked_token,
    checked_url,
    forget,
    keep,
)
from swaps.cli.options import AsJson, connected
from swaps.cli.output import Document, plain, remark, say, show_facts, show_json
from swaps.cli.rest import Api

_LOOPBACK = ("http://localhost", "http://127.", "http://[::1]")


def login(
    url: Annotated[str | None, typer.Argument(help="Where Hotswap is; asked for if left out.")] = (
        None
    ),
    as_json: AsJson = False,
) -> None:
    """Check a token and keep it for later commands.

    The token is asked for without being shown, or read from standard input when that is no
    terminal. It is kept in a file that only you can read.
    """
    asked = sys.stdin.isatty()
    if url is None:
        if not asked:
            raise Misused("say the URL: hotswap login URL, with the token on standard input")
        url = typer.prompt("URL", err=True)
    url = checked_url(url)
    if url.startswith("http://") and not url.startswith(_LOOPBACK):
        remark(f"{url} is not encrypted: whoever is on the way can read the token", "yellow")
    token = getpass.getpass("Token: ") if asked else sys.stdin.readline()
    login = Login(url, checked_token(token))
    api = Api(login)
    try:
        me = api.get("me")
    except Unauthenticated as refusal:
        raise Unauthenticated(
            f"{url} does not take this token: it is unknown, expired or revoked",
            problem=refusal.problem,
        ) from refusal
    finally:
        api.close()
    try:
        path = keep(login)
    except OSError as error:
        raise CommandError(f"the login cannot be kept: {error}") from error
    for variable in (URL_VARIABLE, TOKEN_VARIABLE):
        if os.environ.get(variable):
            remark(f"{variable} is set and wins over this login", "yellow")
    if as_json:
        show_json({"url": url, "kept_at": str(path)} | me)
    else:
        say(f"Logged in to {url} as {me['name']} ({_rights(me)}); kept in {path}")


def logout(as_json: AsJson = False) -> None:
    """Forget the login that was kept. The token stays valid: revoke it if it is lost."""
    forgotten = forget()
    if as_json:
        show_json({"logged_out": forgotten})
    else:
        say("Logged out." if forgotten else "Nobody was logged in.")


def whoami(as_json: AsJson = False) -> None:
    """Show whom the server takes you for, and what you may."""
    with connected() as api:
        me = api.get("me")
        if as_json:
            show_json({"url": api.url} | me)
            return
        show_facts(
            {"server": api.url, "name": me["name"], "role": _rights(me), "token": me["token"]}
        )


def _rights(me: Document) -> str:
    if me["models"] is None:
        return plain(me["role"])
    return plain(f"{me['role']} of {', '.join(me['models'])}")
