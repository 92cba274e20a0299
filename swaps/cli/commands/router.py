"""router: the Envoys, and what each has applied."""

from typing import Annotated

import typer
from rich.text import Text

from swaps.cli.options import AsJson, Reason, connected
from swaps.cli.output import (
    BUSY,
    GOOD,
    Document,
    plain,
    remark,
    say,
    short_time,
    show_json,
    show_table,
    weights_text,
)
from swaps.cli.rest import path_of

app = typer.Typer(name="router", help="Look at the router's nodes.", invoke_without_command=True)


@app.callback()
def router(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        show_router(as_json)


@app.command("show")
def show_router(as_json: AsJson = False) -> None:
    """Show each node, and what every model is routed to."""
    with connected() as api:
        found = api.get("router")
    if as_json:
        show_json(found)
        return
    show_table(
        (
            "node",
            "incarnation",
            "state",
            "since",
            "seen",
            "req/s",
            "in flight",
            "applied",
            "refuses",
        ),
        (
            (
                node["node"],
                node["nonce"],
                Text(plain(node["state"]), style=GOOD if node["state"] == "connected" else BUSY),
                short_time(node["connected_at"]),
                short_time(node["last_seen_at"]),
                node.get("requests_per_second"),
                node["in_flight"],
                _applied(node),
                node["refusal"] or "",
            )
            for node in found["nodes"]
        ),
        empty="No node has ever connected.",
    )
    say("")
    show_table(
        ("model", "revision", "requested", "applied"),
        (
            (
                one["model"],
                one["revision"],
                weights_text(one["weights"]),
                weights_text(one["applied"]),
            )
            for one in found["routes"]
        ),
        empty="No model is routed yet.",
    )
    for certificate in found.get("certificates", []):
        if certificate["warning"]:
            remark(certificate["warning"], BUSY)


@app.command("retire")
def retire_node(
    incarnation: Annotated[str, typer.Argument(metavar="INCARNATION")],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Vouch that a node which is away has ended, so that no drain waits for it."""
    with connected() as api:
        found = api.post(path_of("router", "nodes", incarnation, "retire"), {"reason": reason})
    if as_json:
        show_json(found)
    else:
        say(f"{incarnation} is retired")


def _applied(node: Document) -> str:
    applied = sum(route["applied"] for route in node["routes"])
    return f"{applied} of {len(node['routes'])} routes"
