"""models: what clients call by name."""

from typing import Annotated, Any

import typer

from swaps.cli.commands.swaps import accepted, following_of
from swaps.cli.exits import Misused
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
    Until,
    Wait,
    connected,
    read_json_file,
    read_strategy,
)
from swaps.cli.output import (
    Document,
    duration,
    say,
    show_facts,
    show_json,
    show_table,
    weights_text,
)
from swaps.cli.rest import path_of

app = typer.Typer(
    name="models",
    help="Register models, put first versions in place, protect.",
    invoke_without_command=True,
)

Sample = Annotated[
    str | None,
    typer.Option(
        "--sample-request",
        metavar="FILE|-",
        help="JSON body of one inference, for warm-up and the proof that a version answers.",
    ),
]


@app.callback()
def models(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_models(as_json)


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the models, with what serves each."""
    with connected() as api:
        found = list(api.items("models"))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("model", "serves", "versions", "hosts", "swap"),
        (
            (
                model["name"],
                weights_text(model["route"]["weights"]),
                ", ".join(one["version"] for one in model["versions"]) or "none found",
                ", ".join(model["hosts"]) or "none",
                model["open_swap"] or "",
            )
            for model in found
        ),
        empty="No model is registered. Add one: hotswap models add NAME",
    )


@app.command("show")
def show_model(name: ModelName, as_json: AsJson = False) -> None:
    """Show one model: its route, its versions, its limits, its queue."""
    with connected() as api:
        _show(api.get(path_of("models", name)), as_json)


@app.command("add")
def add_model(
    name: Annotated[str, typer.Argument(metavar="MODEL")],
    sample_request: Sample = None,
    strategy: Strategy = None,
    drain_timeout: Duration = None,
    load_timeout: Duration = None,
    on_drain_timeout: Policy = None,
    keep_warm: Duration = None,
    as_json: AsJson = False,
) -> None:
    """Register a model. Its versions are found on the hosts; nothing serves until 'activate'."""
    body = {"name": name} | _fields(
        sample_request, strategy, drain_timeout, load_timeout, on_drain_timeout, keep_warm
    )
    with connected() as api:
        _show(api.post("models", body), as_json)


@app.command("edit")
def edit_model(
    name: ModelName,
    sample_request: Sample = None,
    strategy: Strategy = None,
    drain_timeout: Duration = None,
    load_timeout: Duration = None,
    on_drain_timeout: Policy = None,
    keep_warm: Duration = None,
    as_json: AsJson = False,
) -> None:
    """Change what swaps of a model begin with; what is not named stays."""
    changes = _fields(
        sample_request, strategy, drain_timeout, load_timeout, on_drain_timeout, keep_warm
    )
    if not changes:
        raise Misused("say what to change: see 'hotswap models edit --help'")
    with connected() as api:
        _show(api.patch(path_of("models", name), changes), as_json)


@app.command("remove")
def remove_model(name: ModelName, as_json: AsJson = False) -> None:
    """Forget a model. Refused when it was ever in use."""
    with connected() as api:
        api.delete(path_of("models", name))
    if as_json:
        show_json({"removed": name})
    else:
        say(f"model {name} is removed")


@app.command("activate")
def activate(
    name: ModelName,
    version: Annotated[str, typer.Argument(metavar="VERSION")],
    host: Hosts = None,
    reason: Reason = "",
    wait: Wait = False,
    until: Until = "end",
    timeout: Limit = None,
    retry_for: RetryFor = DEFAULT_RETRY,
    as_json: AsJson = False,
) -> None:
    """Put a model's first version in place. Later versions come by 'hotswap swap'."""
    following = following_of(wait, until, timeout, retry_for)
    path = path_of("models", name, "versions", version, "activate")
    with connected() as api:
        answer = api.post(path, {"target_hosts": host or None, "reason": reason})
        if "state" in answer:
            accepted(api, answer, following, as_json=as_json)
        elif as_json:
            show_json(answer)
        else:
            say(f"{name} {version} serves already")


@app.command("protect")
def protect(name: ModelName, reason: Reason = "", as_json: AsJson = False) -> None:
    """From now on each swap of this model waits for the approval of a second person."""
    with connected() as api:
        _show(api.post(path_of("models", name, "protect"), {"reason": reason}), as_json)


@app.command("unprotect")
def unprotect(name: ModelName, reason: Reason = "", as_json: AsJson = False) -> None:
    """Ask for the protection to end, or agree to what another administrator asked for."""
    with connected() as api:
        _show(api.post(path_of("models", name, "unprotect"), {"reason": reason}), as_json)


def _fields(
    sample_request: str | None,
    strategy: str | None,
    drain_timeout: int | None,
    load_timeout: int | None,
    on_drain_timeout: str | None,
    keep_warm: int | None,
) -> Document:
    fields: Document = {
        "sample_request": None if sample_request is None else read_json_file(sample_request),
        "default_strategy": read_strategy(strategy),
        "drain_timeout_seconds": drain_timeout,
        "load_timeout_seconds": load_timeout,
        "on_drain_timeout": on_drain_timeout,
        "keep_warm_seconds": keep_warm,
    }
    return {field: value for field, value in fields.items() if value is not None}


def _show(model: Document, as_json: bool) -> None:
    if as_json:
        show_json(model)
        return
    show_facts(_facts(model))
    if model["versions"]:
        show_table(
            ("version", "weight", "active", "in flight", "on"),
            (
                (
                    one["version"],
                    f"{one['weight']} %",
                    "yes" if one["active"] else "no",
                    one["in_flight"],
                    ", ".join(f"{place['host']} {place['status']}" for place in one["hosts"]),
                )
                for one in model["versions"]
            ),
            empty="",
        )


def _facts(model: Document) -> dict[str, Any]:
    strategy = model["default_strategy"]
    facts: dict[str, Any] = {
        "model": model["name"],
        "serves": weights_text(model["route"]["weights"]),
        "applied": weights_text(model["route"]["applied"]),
        "strategy": strategy.get("name", "custom") if isinstance(strategy, dict) else strategy,
        "drain": f"{duration(model['drain_timeout_seconds'])}, then {model['on_drain_timeout']}",
        "load": duration(model["load_timeout_seconds"]),
        "keep warm": duration(model["keep_warm_seconds"]) if model["keep_warm_seconds"] else "no",
    }
    if model.get("protected"):
        facts["protected"] = "each swap waits for a second person"
    if asked := model.get("unprotect_request"):
        facts["unprotect"] = (
            f"asked for by {asked['asked_by']}: a second administrator has to agree"
        )
    if model["open_swap"]:
        facts["swap"] = model["open_swap"]
    for place, queued in enumerate(model["queue"], 1):
        facts[f"in line, {place}"] = f"{queued['to_version']} ({queued['id']})"
    if model["queue_held_reason"]:
        facts["queue held"] = model["queue_held_reason"]
    return facts
