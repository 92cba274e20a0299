"""rollback, pause, resume, promote … : what may be asked of a swap that is there."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from swaps.cli.commands.swaps import accepted, following_of
from swaps.cli.exits import CommandRefused, Misused
from swaps.cli.options import (
    DEFAULT_RETRY,
    AsJson,
    Limit,
    ModelName,
    Reason,
    RetryFor,
    Seen,
    SwapRef,
    Until,
    Wait,
    connected,
    find_swap,
    is_id,
    read_seconds,
)
from swaps.cli.output import Document, duration, plain, remark, say, show_json, time_of
from swaps.cli.rest import Api, path_of

queue = typer.Typer(
    name="queue", help="The swaps of a model that wait in line.", no_args_is_help=True
)


Again = Annotated[
    bool,
    typer.Option("--again", help="Also where the model's newest swap is a roll back: undo that."),
]


def rollback(
    swap: SwapRef,
    again: Again = False,
    reason: Reason = "",
    seen: Seen = None,
    wait: Wait = False,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Take a swap back. Of a completed one: a new swap in the other direction.

    With --wait, 0 means that the old version serves again. A model that is rolled back already
    is left so (4): to take that back, name its swap by id, or say --again.
    """
    following = following_of(wait, until, timeout, retry_for)
    with connected() as api:
        found = find_swap(api, swap)
        if is_id(swap) or again:
            word: Document = {"of_rollback": True}
        else:
            word = {}
            _require_no_rollback(swap, api.get(path_of("swaps", found)))
        answer = _ask(api, found, "rollback", reason, seen, **word)
        # Of a completed swap, the answer is the new swap that brings the old version back.
        ends = ("Completed",) if answer["reverses"] else ("RolledBack", "Cancelled")
        accepted(api, answer, following, as_json=as_json, good_ends=ends)


def _require_no_rollback(model: str, swap: Document) -> None:
    """Of two people who roll a model back, the second must not undo the first."""
    if swap["reverses"] is None:
        return
    asked_at = time_of(swap["start_time"])
    ago = duration((datetime.now(UTC) - asked_at).total_seconds()) if asked_at else "–"
    raise CommandRefused(
        f"{model} is rolled back already: {swap['from_version']} → {swap['to_version']}, asked for "
        f"by {swap['requested_by']} {ago} ago ({swap['state']}). To put {swap['from_version']} in "
        f"service again: hotswap rollback {swap['id']}, or --again"
    )


def cancel(
    swap: SwapRef,
    reason: Reason = "",
    seen: Seen = None,
    wait: Wait = False,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Call off a swap before traffic has moved. With --wait, 0 means that it is cancelled."""
    following = following_of(wait, until, timeout, retry_for)
    with connected() as api:
        answer = _ask(api, find_swap(api, swap), "cancel", reason, seen)
        accepted(api, answer, following, as_json=as_json, good_ends=("Cancelled",))


def pause(swap: SwapRef, reason: Reason = "", seen: Seen = None, as_json: AsJson = False) -> None:
    """Keep the weights where they are until 'resume', 'promote' or 'rollback'."""
    _say_answer(swap, "pause", reason, seen, as_json)


def resume(swap: SwapRef, reason: Reason = "", seen: Seen = None, as_json: AsJson = False) -> None:
    """Let a paused swap go on."""
    _say_answer(swap, "resume", reason, seen, as_json)


def promote(
    swap: SwapRef,
    step: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="NUMBER", help="The step that you saw; refused if it is passed already."
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Pass every step that is left.")] = False,
    reason: Reason = "",
    seen: Seen = None,
    wait: Wait = False,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Pass the present step; while the old version is kept warm: stop keeping it.

    Within seconds after a hold was passed, say by --step which one you mean: without, it may
    have been meant for the one before, and is refused.
    """
    following = following_of(wait, until, timeout, retry_for)
    with connected() as api:
        path = path_of("swaps", find_swap(api, swap))
        passed = step - 1 if step is not None else api.get(path)["step_index"]
        answer = _ask(
            api,
            path.removeprefix("swaps/"),
            "promote",
            reason,
            seen,
            step_index=None if step is None else passed,
            full=full or None,
        )
        if following is not None:
            following = replace(following, after_step=passed)
        accepted(api, answer, following, as_json=as_json)


def extend_drain(
    swap: SwapRef,
    by: Annotated[int | None, typer.Option("--by", parser=read_seconds, metavar="DURATION")] = None,
    reason: Reason = "",
    seen: Seen = None,
    as_json: AsJson = False,
) -> None:
    """Give the requests on the old version longer to finish."""
    _say_answer(swap, "extend-drain", reason, seen, as_json, seconds=by)


def roll_forward(
    swap: SwapRef, reason: Reason = "", seen: Seen = None, as_json: AsJson = False
) -> None:
    """Call a roll back off: all traffic goes to the new version."""
    _say_answer(swap, "roll-forward", reason, seen, as_json)


def force_unload(
    swap: SwapRef,
    sure: Annotated[
        bool,
        typer.Option("--yes-i-know-that-requests-fail", help="Without being asked; for scripts."),
    ] = False,
    reason: Reason = "",
    seen: Seen = None,
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
        # While somebody reads and types, the swap may turn: then it would be the other version.
        told = found["generation"] if seen is None else seen
        answer = _ask(api, found["id"], "force-unload", reason, told, state=found["state"])
        accepted(api, answer, as_json=as_json)


# In the order of the help.
COMMANDS = (rollback, pause, resume, promote, cancel, extend_drain, roll_forward, force_unload)


@queue.command("release")
def release_queue(model: ModelName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let a line go on that was held after a swap which did not complete."""
    with connected() as api:
        answer = api.post(path_of("models", model, "queue", "release"), {"reason": reason})
    if as_json:
        show_json(answer)
    else:
        say(f"the queue of {model} goes on; in line: {len(answer['queue'])}")


def _ask(
    api: Api,
    swap_id: str,
    command: str,
    reason: str,
    generation: int | None,
    *,
    state: str | None = None,
    step_index: int | None = None,
    **fields: Any,
) -> Document:
    """`generation`, `state`, `step_index`: what was seen; the server refuses if it is past."""
    seen = {"generation": generation, "state": state, "step_index": step_index}
    given = {name: value for name, value in seen.items() if value is not None}
    body = {"reason": reason, "seen": given or None} | fields
    return api.post(path_of("swaps", swap_id, command), body)


def _say_answer(
    swap: str, command: str, reason: str, seen: int | None, as_json: bool, **fields: Any
) -> None:
    with connected() as api:
        answer = _ask(api, find_swap(api, swap), command, reason, seen, **fields)
        accepted(api, answer, as_json=as_json)


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
