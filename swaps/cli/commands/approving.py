"""approve, reject: a second person's word on a swap of a protected model."""

import sys
from typing import Annotated

import typer

from swaps.cli.commands.swaps import accepted
from swaps.cli.exits import Misused
from swaps.cli.options import AsJson, Reason, SwapRef, connected, find_swap
from swaps.cli.output import Document, plain, show_facts
from swaps.cli.rest import path_of


def approve(
    swap: SwapRef,
    digest: Annotated[
        str | None,
        typer.Option(help="Of the inputs you have seen; without it they are shown and asked for."),
    ] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Agree, as the second person, to a swap of a protected model."""
    with connected() as api:
        found = api.get(path_of("swaps", find_swap(api, swap)))
        approval = found["approval"]
        if approval is None:
            raise Misused(f"swap {found['id']} needs no approval")
        if digest is None:
            digest = approval["inputs_digest"]
            _show_inputs(found, approval)
            if not sys.stdin.isatty():
                raise Misused(f"nobody can be asked here: repeat with --digest {digest}")
            typer.confirm("Approve this?", abort=True, err=True)
        body = {"inputs_digest": digest, "reason": reason}
        answer = api.post(path_of("swaps", found["id"], "approve"), body)
        accepted(api, answer, as_json=as_json)


def reject(
    swap: SwapRef,
    reason: Annotated[str, typer.Option(help="Why, for whoever asked for it.")],
    as_json: AsJson = False,
) -> None:
    """Refuse, as the second person: the swap ends as cancelled."""
    with connected() as api:
        path = path_of("swaps", find_swap(api, swap), "reject")
        answer = api.post(path, {"reason": reason})
        accepted(api, answer, as_json=as_json)


def _show_inputs(swap: Document, approval: Document) -> None:
    show_facts(
        {
            "swap": swap["id"],
            "asked for by": swap["requested_by"],
            "reason": swap["reason"] or None,
            **{name: plain(value) for name, value in approval["inputs"].items()},
            "digest": approval["inputs_digest"],
        }
    )
