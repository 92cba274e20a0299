"""strategies: named ways to move traffic."""

from typing import Annotated

import typer

from swaps.cli.exits import Misused
from swaps.cli.options import AsJson, connected, read_strategy
from swaps.cli.output import Document, say, show_facts, show_json, show_table
from swaps.cli.rest import path_of

app = typer.Typer(
    name="strategies", help="Name the ways traffic moves.", invoke_without_command=True
)

StrategyName = Annotated[str, typer.Argument(metavar="STRATEGY")]
Steps = Annotated[
    str | None,
    typer.Option(
        metavar="JSON|@FILE",
        help='Such as [{"setWeight": 5}, {"pause": {"duration": 60}}, {"setWeight": 50}].',
    ),
]
Description = Annotated[str | None, typer.Option(help="When to use it.")]
StickyHeader = Annotated[
    str | None, typer.Option(help="Callers with the same value of this header see one version.")
]


@app.callback()
def strategies(context: typer.Context, as_json: AsJson = False) -> None:
    if context.invoked_subcommand is None:
        list_strategies(as_json)


@app.command("list")
def list_strategies(as_json: AsJson = False) -> None:
    """List the ready-made strategies and the named ones."""
    with connected() as api:
        found = list(api.items("strategies"))
    if as_json:
        show_json({"items": found})
        return
    show_table(
        ("strategy", "steps", "default of", "description"),
        (
            (one["name"], one["words"], ", ".join(one["default_of"]), one["description"])
            for one in found
        ),
        empty="No strategy.",
    )


@app.command("show")
def show_strategy(name: StrategyName, as_json: AsJson = False) -> None:
    """Show one strategy."""
    with connected() as api:
        _show(api.get(path_of("strategies", name)), as_json)


@app.command("add")
def add_strategy(
    name: StrategyName,
    steps: Steps = None,
    sticky_header: StickyHeader = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Name a list of steps."""
    if steps is None:
        raise Misused("say the steps: --steps JSON, or --steps @FILE")
    body = {"name": name} | _fields(steps, sticky_header, description)
    with connected() as api:
        _show(api.post("strategies", body), as_json)


@app.command("edit")
def edit_strategy(
    name: StrategyName,
    steps: Steps = None,
    sticky_header: StickyHeader = None,
    description: Description = None,
    as_json: AsJson = False,
) -> None:
    """Change a named strategy. Swaps that have begun keep the steps they began with."""
    changes = _fields(steps, sticky_header, description)
    if not changes:
        raise Misused("say what to change: --steps, --sticky-header or --description")
    with connected() as api:
        _show(api.patch(path_of("strategies", name), changes), as_json)


@app.command("remove")
def remove_strategy(name: StrategyName, as_json: AsJson = False) -> None:
    """Forget a named strategy. Refused while it is a model's default."""
    with connected() as api:
        api.delete(path_of("strategies", name))
    if as_json:
        show_json({"removed": name})
    else:
        say(f"strategy {name} is removed")


def _fields(steps: str | None, sticky_header: str | None, description: str | None) -> Document:
    given = read_strategy(steps)
    if given is not None and not isinstance(given, dict):
        raise Misused("the steps are a JSON list, or @FILE that holds one")
    fields: Document = given or {}
    fields |= {"sticky_header": sticky_header, "description": description}
    return {field: value for field, value in fields.items() if value is not None}


def _show(strategy: Document, as_json: bool) -> None:
    if as_json:
        show_json(strategy)
        return
    show_facts(
        {
            "strategy": strategy["name"],
            "steps": strategy["words"],
            "sticky header": strategy["sticky_header"] or None,
            "default of": ", ".join(strategy["default_of"]) or None,
            "description": strategy["description"] or None,
        }
    )
