"""swap, swaps, status, watch: begin a swap and see how it gets on."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.text import Text

from swaps.cli.drawing import STYLE_OF_STATE, picture, server_now
from swaps.cli.exits import CommandRefused, Unreachable
from swaps.cli.options import (
    DEFAULT_RETRY,
    AsJson,
    Duration,
    Hosts,
    Limit,
    ModelName,
    Policy,
    Reason,
    RetryFor,
    Strategy,
    SwapRef,
    Until,
    Wait,
    connected,
    find_swap,
    read_strategy,
    read_until,
)
from swaps.cli.output import (
    Document,
    duration,
    plain,
    remark,
    say,
    screen,
    short_time,
    show,
    show_json,
    show_table,
    weights_text,
)
from swaps.cli.rest import Api, path_of
from swaps.cli.watching import Follow, event_line, follow, outcome


def swap(
    model: ModelName,
    version: Annotated[
        str, typer.Argument(metavar="[FROM]", help="What serves now; asked of the server.")
    ],
    to: Annotated[str | None, typer.Argument(metavar="TO", help="The new version.")] = None,
    strategy: Strategy = None,
    host: Hosts = None,
    drain_timeout: Duration = None,
    load_timeout: Duration = None,
    swap_timeout: Duration = None,
    on_drain_timeout: Policy = None,
    keep_warm: Duration = None,
    min_ready_hosts: Annotated[int | None, typer.Option(min=1)] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="Wait in line if another swap is open.")
    ] = False,
    reason: Reason = "",
    idempotency_key: Annotated[
        str | None, typer.Option(help="The same key again: the same swap, not a second one.")
    ] = None,
    wait: Wait = False,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Put another version in front of the traffic: hotswap swap iris 1.1

    Returns once the swap is committed; --wait follows it, and then the exit code tells how it
    ended: 0 completed, 1 failed, 3 rolled back, 5 cancelled. --until hold and --timeout follow
    it too, and may stop before: 8 it holds, 9 the time is over.
    """
    following = following_of(wait, until, timeout, retry_for)
    with connected() as api:
        old, new = (version, to) if to is not None else (serving(api, model, version), version)
        body = {
            "model_name": model,
            "from_version": old,
            "to_version": new,
            "strategy": read_strategy(strategy),
            "target_hosts": host or None,
            "drain_timeout_seconds": drain_timeout,
            "load_timeout_seconds": load_timeout,
            "swap_timeout_seconds": swap_timeout,
            "on_drain_timeout": on_drain_timeout,
            "keep_warm_seconds": keep_warm,
            "min_ready_hosts": min_ready_hosts,
            "when_busy": "queue" if queue else "reject",
            "reason": reason,
        }
        started = api.post("swaps", body, key=idempotency_key)
        accepted(api, started, following, as_json=as_json)


def serving(api: Api, model: str, new: str) -> str:
    """The version that serves all of a model. Raises Refused where that is not so."""
    found = api.get(path_of("models", model))
    weights = {v: share for v, share in found["route"]["weights"].items() if share}
    if not weights:
        raise CommandRefused(
            f"nothing serves {model}: put the first version in place with "
            f"'hotswap models activate {model} {new}'"
        )
    old = str(next(iter(weights)))
    if len(weights) > 1:
        raise CommandRefused(
            f"{model} is being swapped ({weights_text(weights)}): see 'hotswap watch {model}', or "
            f"name the version to swap from: hotswap swap {model} FROM {new}"
        )
    if old == new and found["open_swap"] is None:
        raise CommandRefused(f"{model} {new} serves 100 % already: there is nothing to swap")
    return old


def following_of(wait: bool, until: str, timeout: int | None, retry_for: int) -> Follow | None:
    """How the swap is followed; None when it is not."""
    follow = Follow(to_hold=read_until(until), limit_seconds=timeout, retry_for=retry_for)
    return follow if wait or follow.to_hold or timeout is not None else None


def accepted(
    api: Api,
    swap: Document,
    following: Follow | None = None,
    *,
    as_json: bool,
    good_ends: tuple[str, ...] = ("Completed",),
) -> None:
    """A command was taken: say so, or follow it to its end."""
    if following is not None:
        try:
            follow(api, swap, following, as_json=as_json, good_ends=good_ends)
        except Unreachable as lost:
            # Whoever reads "cannot be reached" alone would ask for it a second time.
            raise Unreachable(
                f"{lost}. It was accepted before, and goes on: swap {swap['id']}; look with "
                f"'hotswap watch {swap['id']}' once the server is back"
            ) from lost
    elif as_json:
        show_json(swap)
    else:
        old = swap["from_version"] or "nothing"
        say(
            f"swap {swap['id']}: {swap['model_name']} {old} → {swap['to_version']}, {swap['state']}"
        )
        if swap["phase"] != "completed":
            remark(f"Follow it: hotswap watch {swap['id']}")


def watch(
    swap: SwapRef,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Follow a swap to its end; the exit code tells how it ended. Ctrl-C only stops watching."""
    following = Follow(to_hold=read_until(until), limit_seconds=timeout, retry_for=retry_for)
    with connected(patience_seconds=retry_for) as api:
        found = api.get(path_of("swaps", find_swap(api, swap)))
        follow(api, found, following, as_json=as_json)


def status(
    swap: Annotated[
        str | None,
        typer.Argument(
            metavar="[SWAP]", help="A swap's id or a model's name; without: all models."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show a swap as it is now, or what serves each model."""
    with connected() as api:
        if swap is None:
            _show_fleet(list(api.items("models")), _open_swaps(api), as_json)
            return
        path = path_of("swaps", find_swap(api, swap))
        found = api.get(path)
        if as_json:
            show_json(found)
            return
        events = api.get(f"{path}/events")["items"]
    now = datetime.now(UTC)
    show(picture(found, now=now + server_now(found, now)))
    if found["phase"] == "completed":
        screen().print(outcome(found))
    say("")
    for event in events:
        screen().print(event_line(event))


def list_swaps(
    model: Annotated[str | None, typer.Option(help="Of this model alone.")] = None,
    state: Annotated[str | None, typer.Option(help="In this state alone, such as Failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List swaps, the newest first."""
    with connected() as api:
        found = list(api.items("swaps", model=model, state=state, at_most=limit))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("swap", "model", "from", "to", "state", "began", "took", "by"),
        (
            (
                one["id"],
                one["model_name"],
                one["from_version"],
                one["to_version"],
                _state(one["state"]),
                short_time(one["start_time"]),
                duration(one["timings"]["total_seconds"]),
                one["requested_by"],
            )
            for one in found
        ),
        empty="No swap yet. Begin one: hotswap swap MODEL VERSION",
    )


def _open_swaps(api: Api) -> dict[str, Document]:
    open_states = ("LoadingNewVersion", "Transitioning", "OldVersionDraining", "RollingBack")
    found = [
        one for state in ("NotStarted", *open_states) for one in api.items("swaps", state=state)
    ]
    return {one["id"]: one for one in found}


def _show_fleet(models: list[Document], swaps: dict[str, Document], as_json: bool) -> None:
    if as_json:
        show_json({"models": models, "open_swaps": list(swaps.values())})
        return
    rows = []
    for model in models:
        swap = swaps.get(model["open_swap"] or "")
        rows.append(
            (
                model["name"],
                weights_text(model["route"]["weights"]),
                f"{swap['from_version'] or 'nothing'} → {swap['to_version']}" if swap else "",
                _state(swap["state"]) if swap else "",
                (swap["waiting_for"] if swap else model["queue_held_reason"]) or "",
            )
        )
    show_table(
        ("model", "serves", "swap", "state", "waits for"),
        rows,
        empty="No model is registered. Add one: hotswap models add NAME",
    )


def _state(state: str) -> Text:
    return Text(plain(state), style=STYLE_OF_STATE.get(state, ""))
