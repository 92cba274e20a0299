"""rollback, pause, resume, promote … : what may be asked of a swap that is there."""

import sys
from typing import Annotated, Any

import typer

from swaps.cli.commands.swaps import accepted
from swaps.cli.exits import Misused
from swaps.cli.options import (
    DEFAULT_RETRY,
    AsJson,
    ModelName,
    Reason,
    RetryFor,
    SwapRef,
    Wait,
    connected,
    find_swap,
    read_seconds,
)
from swaps.cli.output import Document, plain, remark, say, show_json
from swaps.cli.rest import Api, path_of

queue = typer.Typer(
    name="queue", help="The swaps of a model that wait in line.", no_args_is_help=True
)


def rollback(
    swap: SwapRef,
    reason: Reason = "",
    wait: Wait = False,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Take a swap back. Of a completed one: a new swap in the other direction.

    With --wait, 0 means that the old version serves again.
    """
    with connected() as api:
        answer = _ask(api, find_swap(api, swap), "rollback", reason)
        # Of a completed swap, the answer is the new swap that brings the old version back.
        ends = ("Completed",) if answer["reverses"] else ("RolledBack", "Cancelled")
        accepted(api, answer, wait=wait, retry_for=retry_for, as_json=as_json, good_ends=ends)


def cancel(
    swap: SwapRef,
    reason: Reason = "",
    wait: Wait = False,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Call off a swap before traffic has moved. With --wait, 0 means that it is cancelled."""
    with connected() as api:
        answer = _ask(api, find_swap(api, swap), "cancel", reason)
        accepted(
            api, answer, wait=wait, retry_for=retry_for, as_json=as_json, good_ends=("Cancelled",)
        )


def pause(swap: SwapRef, reason: Reason = "", as_json: AsJson = False) -> None:
    """Keep the weights where they are until 'resume', 'promote' or 'rollback'."""
    _say_answer(swap, "pause", reason, as_json)


def resume(swap: SwapRef, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let a paused swap go on."""
    _say_answer(swap, "resume", reason, as_json)


def promote(
    swap: SwapRef,
    full: Annotated[bool, typer.Option("--full", help="Pass every step that is left.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Pass the present step; while the old version is kept warm: stop keeping it."""
    _say_answer(swap, "promote", reason, as_json, full=full or None)


def extend_drain(
    swap: SwapRef,
    by: Annotated[int | None, typer.Option("--by", parser=read_seconds, metavar="DURATION")] = None,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Give the requests on the old version longer to finish."""
    _say_answer(swap, "extend-drain", reason, as_json, seconds=by)


def roll_forward(swap: SwapRef, reason: Reason = "", as_json: AsJson = False) -> None:
    """Call a roll back off: all traffic goes to the new version."""
    _say_answer(swap, "roll-forward", reason, as_json)


def force_unload(
    swap: SwapRef,
    sure: Annotated[
        bool,
        typer.Option("--yes-i-know-that-requests-fail", help="Without being asked; for scripts."),
    ] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Unload a version that still executes requests. Those requests fail. Administrators only."""
    with connected() as api:
        found = api.get(path_of("swaps", find_swap(api, swap)))
        back = found["state"] == "RollingBack"
        version = found["to_version"] if back else found["from_version"]
        if not sure:
            in_flight = found["in_flight"]["to" if back else "from"]
            _ask_to_type(
                version or "nothing",
                f"{found['model_name']} {version} has {plain(in_flight)} requests in flight. "
                "They fail at their callers when it is unloaded, and your name stands on it in "
                "the audit.",
            )
        answer = _ask(api, found["id"], "force-unload", reason)
        accepted(api, answer, wait=False, retry_for=0, as_json=as_json)


@queue.command("release")
def release_queue(model: ModelName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let a line go on that was held after a swap which did not complete."""
    with connected() as api:
        answer = api.post(path_of("models", model, "queue", "release"), {"reason": reason})
    if as_json:
        show_json(answer)
    else:
        say(f"the queue of {model} goes on; in line: {len(answer['queue'])}")


def _ask(api: Api, swap_id: str, command: str, reason: str, **fields: Any) -> Document:
    return api.post(path_of("swaps", swap_id, command), {"reason": reason} | fields)


def _say_answer(swap: str, command: str, reason: str, as_json: bool, **fields: Any) -> None:
    with connected() as api:
        answer = _ask(api, find_swap(api, swap), command, reason, **fields)
        accepted(api, answer, wait=False, retry_for=0, as_json=as_json)


def _ask_to_type(version: str, effect: str) -> None:
    if not sys.stdin.isatty():
        raise Misused(
            "this needs a person, or --yes-i-know-that-requests-fail: the requests in flight fail"
        )
    remark(effect, "bold red")
    typed = typer.prompt(f"Type {plain(version)} to unload it", err=True, default="")
    if typed.strip() != version:
        remark("That is not its name: nothing was done.")
        raise typer.Abort
