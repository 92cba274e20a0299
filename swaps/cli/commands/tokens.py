"""tokens: what pipelines and people present to the API."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from swaps.cli.exits import CommandError
from swaps.cli.options import AsJson, Duration, connected
from swaps.cli.output import Document, remark, say, short_time, show_json, show_table
from swaps.cli.rest import path_of

app = typer.Typer(name="tokens", help="Make and revoke API tokens.", invoke_without_command=True)


@app.callback()
def tokens(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_tokens(as_json=as_json)


@app.command("list")
def list_tokens(
    user: Annotated[str | None, typer.Option(help="Of this person alone.")] = None,
    as_json: AsJson = False,
) -> None:
    """List tokens, the newest first; their plain text is nowhere."""
    with connected() as api:
        found = list(api.items("tokens", user=user))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("id", "name", "begins", "user", "role", "models", "expires", "last used", "state"),
        (
            (
                one["id"],
                one["name"],
                one["prefix"],
                one["user"],
                one["role"],
                "all" if one["models"] is None else ", ".join(one["models"]),
                short_time(one["expires_at"]) if one["expires_at"] else "never",
                short_time(one["last_used_at"]),
                _state(one),
            )
            for one in found
        ),
        empty="No token was made yet.",
    )


@app.command("create")
def create_token(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    role: Annotated[str, typer.Option(help="viewer, operator or administrator")] = "viewer",
    user: Annotated[str | None, typer.Option(help="Whom it speaks for; by default you.")] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="For this model alone; may be repeated.")
    ] = None,
    expires_in: Duration = None,
    as_json: AsJson = False,
) -> None:
    """Make a token. Its plain text is printed now, to stdout, and never again."""
    expires_at = None
    if expires_in is not None:
        expires_at = (datetime.now(UTC) + timedelta(seconds=expires_in)).isoformat()
    body = {
        "name": name,
        "role": role,
        "user": user,
        "models": model or None,
        "expires_at": expires_at,
    }
    with connected() as api:
        made = api.post("tokens", body)
    if made["token"] is None:
        raise CommandError(
            f"token {made['id']} was made, but the answer that held it was lost: revoke it "
            f"('hotswap tokens revoke {made['id']}') and make another"
        )
    if as_json:
        show_json(made)
    else:
        remark(
            f"Token {made['id']} of {made['user']}, {made['role']}. Keep it: it is not shown again."
        )
        say(made["token"])


@app.command("revoke")
def revoke_token(
    token_id: Annotated[int, typer.Argument(metavar="ID")], as_json: AsJson = False
) -> None:
    """End a token now, and the streams it opened."""
    with connected() as api:
        api.delete(path_of("tokens", str(token_id)))
    if as_json:
        show_json({"revoked": token_id})
    else:
        say(f"token {token_id} is revoked")


def _state(token: Document) -> str:
    if token["revoked_at"]:
        return f"revoked {short_time(token['revoked_at'])}"
    expires = token["expires_at"]
    if expires and datetime.fromisoformat(expires) <= datetime.now(UTC):
        return "expired"
    return "valid"
