"""users: who may come in, and as what. Nobody is deleted: they are disabled."""

import getpass
import sys
from typing import Annotated

import typer

from swaps.cli.exits import Misused
from swaps.cli.options import AsJson, connected
from swaps.cli.output import Document, plain, say, short_time, show_json, show_table
from swaps.cli.rest import path_of

app = typer.Typer(name="users", help="Let people in, and out.", invoke_without_command=True)

Username = Annotated[str, typer.Argument(metavar="NAME")]
ROLES = "viewer, operator or administrator"


@app.callback()
def users(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_users(as_json=as_json)


@app.command("list")
def list_users(
    role: Annotated[str | None, typer.Option(help=f"Only those who are {ROLES}.")] = None,
    as_json: AsJson = False,
) -> None:
    """List people by name."""
    with connected() as api:
        found = list(api.items("users", role=role))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("name", "role", "state", "tokens", "last login", "since"),
        (
            (
                one["username"],
                one["role"],
                "active" if one["active"] else "disabled",
                one["live_tokens"],
                short_time(one["last_login"]) if one["last_login"] else "never",
                short_time(one["created_at"]),
            )
            for one in found
        ),
        empty="Nobody may come in.",
    )


@app.command("create")
def create_user(
    name: Username,
    role: Annotated[str, typer.Option(help=ROLES)] = "viewer",
    as_json: AsJson = False,
) -> None:
    """Let somebody in. The password is asked for, or read from standard input."""
    body = {"username": name, "role": role, "password": _read_password(name)}
    with connected() as api:
        made = api.post("users", body)
    _show(made, as_json=as_json)


@app.command("edit")
def edit_user(
    name: Username,
    role: Annotated[str | None, typer.Option(help=ROLES)] = None,
    password: Annotated[
        bool, typer.Option("--password", help="Give them a new one: asked for, or from stdin.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give somebody another role, or a new password, which ends their sessions."""
    changes: Document = {}
    if role is not None:
        changes["role"] = role
    if password:
        changes["password"] = _read_password(name)
    if not changes:
        raise Misused("say what to change: --role, --password")
    _edit(name, changes, as_json=as_json)


@app.command("disable")
def disable_user(name: Username, as_json: AsJson = False) -> None:
    """End their pages, tokens and streams now. What they did stays in the audit."""
    _edit(name, {"active": False}, as_json=as_json)


@app.command("enable")
def enable_user(name: Username, as_json: AsJson = False) -> None:
    """Let somebody in again who was disabled."""
    _edit(name, {"active": True}, as_json=as_json)


def _edit(name: str, changes: Document, *, as_json: bool) -> None:
    with connected() as api:
        edited = api.patch(path_of("users", name), changes)
    _show(edited, as_json=as_json)


def _show(user: Document, *, as_json: bool) -> None:
    if as_json:
        show_json(user)
        return
    state = "active" if user["active"] else "disabled"
    say(f"{user['username']}: {plain(user['role'])}, {state}")


def _read_password(name: str) -> str:
    """Never from an argument, which other users of the machine could read."""
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {plain(name)}: ")
        if getpass.getpass("Once more: ") != password:
            raise Misused("the two passwords differ")
    else:
        password = sys.stdin.readline().rstrip("\n")
    if not password:
        raise Misused("a password is needed: type it, or give it on standard input")
    return password
