"""hosts: the machines that run models."""

import getpass
import sys
from typing import Annotated, Any

import typer
from rich.text import Text

from swaps.cli.exits import ExitCode, Misused
from swaps.cli.logins import checked_token
from swaps.cli.options import AsJson, HostName, connected, read_text_file
from swaps.cli.output import (
    BAD,
    BUSY,
    GOOD,
    Document,
    plain,
    say,
    short_time,
    show_facts,
    show_json,
    show_table,
)
from swaps.cli.rest import path_of

app = typer.Typer(
    name="hosts", help="Register, check and look at model hosts.", invoke_without_command=True
)

_STYLES = {"healthy": GOOD, "unreachable": BAD, "unknown": BUSY}

_RESULTS = {"passed": GOOD, "failed": BAD, "warning": BUSY}

TokenFile = Annotated[
    str | None,
    typer.Option(
        metavar="FILE|-",
        help="Holds the host's control token; - is standard input. On a terminal it is asked for.",
    ),
]
MaxLoads = Annotated[int | None, typer.Option(min=1, max=100, help="Loads at once; 1 by default.")]

IdleTimeout = Annotated[
    str | None,
    typer.Option(
        metavar="SECONDS|auto",
        help="The router closes a connection to it after so long without a request; it must be "
        "shorter than the host's own limit, or requests are lost. auto, the default: as measured.",
    ),
]


@app.callback()
def hosts(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_hosts(as_json)


@app.command("list")
def list_hosts(as_json: AsJson = False) -> None:
    """List the hosts, with their health and what is loaded on them."""
    with connected() as api:
        found = list(api.items("hosts"))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("host", "kind", "url", "health", "seen", "loaded"),
        (
            (
                host["name"],
                host["kind"],
                host["url"],
                _health(host),
                short_time(host["last_seen_at"]),
                _loaded(host),
            )
            for host in found
        ),
        empty="No host is registered. Add one: hotswap hosts add NAME URL",
    )


@app.command("show")
def show_host(name: HostName, as_json: AsJson = False) -> None:
    """Show one host and every version on it."""
    with connected() as api:
        _show(api.get(path_of("hosts", name)), as_json)


@app.command("add")
def add_host(
    name: Annotated[str, typer.Argument(metavar="HOST")],
    url: Annotated[str, typer.Argument(metavar="URL", help="http://HOST:PORT of its control API.")],
    kind: Annotated[str, typer.Option(help="Which inference server it is.")] = "bundled",
    token_file: TokenFile = None,
    max_loads: MaxLoads = None,
    idle_timeout: IdleTimeout = None,
    as_json: AsJson = False,
) -> None:
    """Register a host. It is asked once who it is; one that is away is registered all the same."""
    body = {
        "name": name,
        "kind": kind,
        "url": url,
        "control_token": _control_token(token_file),
        "max_concurrent_loads": max_loads,
        "idle_timeout_seconds": _idle_timeout(idle_timeout),
    }
    with connected() as api:
        _show(api.post("hosts", body), as_json)


@app.command("edit")
def edit_host(
    name: HostName,
    url: Annotated[str | None, typer.Option(help="Its new address; not while it is in use.")] = (
        None
    ),
    token_file: TokenFile = None,
    max_loads: MaxLoads = None,
    idle_timeout: IdleTimeout = None,
    as_json: AsJson = False,
) -> None:
    """Change a host; what is not named stays."""
    changes: Document = {"url": url, "max_concurrent_loads": max_loads}
    if token_file is not None:
        changes["control_token"] = _control_token(token_file)
    changes = {field: value for field, value in changes.items() if value is not None}
    if idle_timeout is not None:
        changes["idle_timeout_seconds"] = _idle_timeout(idle_timeout)
    if not changes:
        raise Misused("say what to change: --url, --token-file, --max-loads or --idle-timeout")
    with connected() as api:
        _show(api.patch(path_of("hosts", name), changes), as_json)


@app.command("check")
def check_host(name: HostName, as_json: AsJson = False) -> None:
    """Ask a host who it is, now, step by step. Ends with 1 when it is not healthy."""
    with connected() as api:
        host = api.post(path_of("hosts", name, "check"))
    _show(host, as_json)
    if not as_json:
        show_table(
            ("check", "result", "found", "what to do"),
            (
                (
                    one["name"],
                    Text(one["result"], style=_RESULTS.get(one["result"], "")),
                    one["words"],
                    one["remedy"],
                )
                for one in host["checks"]
            ),
            empty="",
        )
    if host["health"] != "healthy":
        raise typer.Exit(ExitCode.FAILED)


@app.command("remove")
def remove_host(name: HostName, as_json: AsJson = False) -> None:
    """Forget a host. Refused while a version on it is in use."""
    with connected() as api:
        api.delete(path_of("hosts", name))
    if as_json:
        show_json({"removed": name})
    else:
        say(f"host {name} is removed")


def _control_token(file: str | None) -> str | None:
    if file is not None:
        return checked_token(read_text_file(file))
    if sys.stdin.isatty():
        return getpass.getpass("Control token of the host (empty: none): ") or None
    return None


def _idle_timeout(text: str | None) -> float | None:
    if text in (None, "auto"):
        return None
    try:
        return float(text)
    except ValueError:
        raise Misused(f"--idle-timeout {text!r}: write seconds, or auto") from None


def _idle(host: Document) -> str:
    kept = host["measured_keep_alive_seconds"]
    return f"closed after {host['idle_timeout_in_use_seconds']:g} s; the host keeps them " + (
        "for a time not measured yet" if kept is None else f"for {kept:g} s"
    )


def _show(host: Document, as_json: bool) -> None:
    if as_json:
        show_json(host)
        return
    show_facts(
        {
            "host": host["name"],
            "kind": host["kind"],
            "url": host["url"],
            "health": _health(host),
            "seen": short_time(host["last_seen_at"]),
            "control token": "yes" if host["has_control_token"] else "none",
            "loads at once": host["max_concurrent_loads"],
            "idle connections": _idle(host),
        }
    )
    versions = host["versions"]
    if versions:
        show_table(
            ("model", "version", "status", "wanted", "size", "reason"),
            ([*_version(one)] for one in versions),
            empty="",
        )


def _version(one: Document) -> tuple[Any, ...]:
    size = one["size_bytes"]
    shown = None if size is None else f"{size / 1e6:.1f} MB" if size >= 1e5 else f"{size} B"
    return one["model"], one["version"], one["status"], one["desired"], shown, one["reason"] or ""


def _health(host: Document) -> Text:
    text = Text(plain(host["health"]), style=_STYLES.get(host["health"], ""))
    if host["health_reason"]:
        text.append(f": {plain(host['health_reason'])}", style="default")
    return text


def _loaded(host: Document) -> str:
    loaded = [f"{v['model']} {v['version']}" for v in host["versions"] if v["status"] == "ready"]
    return ", ".join(loaded) or "nothing"
