"""Each command's entry is what all doors go by: roles, API, console, command line, handbook."""

import inspect
import re

import pytest
from ninja import Router
from typer.main import get_command

from swaps.access.roles import Role, least_role
from swaps.api.door import Api, api
from swaps.api.swap_commands import add_commands
from swaps.cli.__main__ import app
from swaps.cli.commands import acting
from swaps.domain.commands import (
    ENTRIES,
    Accepted,
    Command,
    CommandDetails,
    CommandEntry,
    NotPossible,
    Place,
)
from swaps.domain.commands.contract import Subject
from swaps.domain.states import SwapState
from swaps.domain.strategies import READY_MADE
from swaps.engine.write.columns import columns_of
from swaps.models import SwapOperation
from tests.added_command import add_command
from tests.documents import TOLD


@pytest.fixture(params=Command)
def entry(request: pytest.FixtureRequest) -> CommandEntry:
    return ENTRIES[request.param]


def possible(entry: CommandEntry) -> list[SwapState]:
    return [state for state in SwapState if not isinstance(entry.check(Place(state)), NotPossible)]


def test_there_is_an_entry_for_each_command() -> None:
    assert ENTRIES.keys() == set(Command)
    assert all(entry.command is command for command, entry in ENTRIES.items())


def test_its_role_is_the_permission_of_its_name(entry: CommandEntry) -> None:
    assert least_role(entry.command) == Role(entry.least_role)


def test_what_its_confirmation_rests_on_are_columns_of_a_swap(entry: CommandEntry) -> None:
    for name in entry.rests_on:
        assert SwapOperation._meta.get_field(name)


def test_what_its_dialog_asks_are_fields_of_it(entry: CommandEntry) -> None:
    names = {field.name for field in entry.fields}
    states = possible(entry)
    assert states, "it is possible nowhere"
    for state in states:
        words = entry.confirm(Subject("iris", "1.0", "1.1", state))
        assert words.asks.keys() <= names
        assert words.title.endswith("?")


def test_it_changes_a_swap_and_says_so_wherever_it_is_possible(entry: CommandEntry) -> None:
    for state in possible(entry):
        if not isinstance(entry.check(Place(state)), Accepted):
            continue  # a new swap, which is told by itself
        for field in (None, *entry.fields):
            given = {field.name: 60 if field.kind is int else True} if field else {}
            place = Place(state, steps=READY_MADE["canary"]().steps)
            asked = CommandDetails("ada", given)
            assert columns_of(entry.change(place, asked))
            assert entry.told(place, asked)


def test_the_api_takes_it_with_its_fields(entry: CommandEntry) -> None:
    document = api.get_openapi_schema()
    call = document["paths"][f"/api/v1/swaps/{{swap_id}}/{entry.command}"]["post"]
    assert call["summary"] == entry.title
    assert call["description"].startswith(entry.description)
    [body] = re.findall(r"schemas/(\w+Body)", str(call["requestBody"]))
    taken = document["components"]["schemas"][body]["properties"].keys()
    assert taken == {"reason", "seen", *(field.name for field in entry.fields)}


def test_the_api_takes_one_that_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    added = add_command(monkeypatch)
    more = Api(urls_namespace="with one more")
    calls = Router()
    add_commands(calls, [added])
    more.add_router("", calls)
    document = more.get_openapi_schema(path_prefix="")
    call = document["paths"]["/swaps/{swap_id}/hurry"]["post"]
    assert call["summary"] == "Hurry a swap up"
    assert call["description"].endswith("Role: administrator.")
    body = document["components"]["schemas"]["HurryBody"]["properties"]
    assert body["left"]["description"] == "what is left of its time"


def test_the_command_line_has_it_and_sends_its_fields(entry: CommandEntry) -> None:
    """It knows nothing of the server: what it has is compared with what there is."""
    there = {get.__name__.replace("_", "-"): get for get in acting.COMMANDS}
    assert there.keys() == set(Command)
    known = get_command(app).list_commands(None)  # type: ignore[attr-defined, arg-type]
    assert entry.command in known
    code = inspect.getsource(there[entry.command])
    for field in entry.fields:
        assert re.search(rf"\b{field.name}\b", code), field.name
    if entry.least_role == "administrator":
        assert "Administrators only." in code


def test_the_handbook_tells_who_may_it_where_and_what_it_does(entry: CommandEntry) -> None:
    where = ", ".join(possible(entry))
    row = f"| `{entry.command}` | {entry.least_role} | {where} | {entry.description} |"
    assert row in TOLD
