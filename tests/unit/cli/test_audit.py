"""audit: filtered, one entry with its proof, as a file, and followed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.unit.cli.recorded import recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import CommandLine

SEALED, EXPORT = recorded("audit/show-sealed"), recorded("audit/export")
LIST = recorded("audit/list").but(next=None)
NUMBER = SEALED.path.split("/")[1]


def test_entries_are_shown_the_newest_last(hotswap: CommandLine, server: Server) -> None:
    server.answers(LIST)
    head, *rows = hotswap("audit").out.splitlines()
    assert head.split()[:4] == ["id", "time", "who", "role"]
    shown = [int(row.split()[0]) for row in rows]
    assert shown == sorted(shown)
    assert hotswap("audit", "--limit", "2", "--json").json == {
        "items": LIST.body["items"][:2][::-1]
    }
    server.answers(LIST.but(items=[], next=None))
    hotswap("audit")
    assert hotswap("audit").out == "No entry matches.\n"


def test_filters_reach_the_server(hotswap: CommandLine, server: Server) -> None:
    server.answers(LIST)
    before = datetime.now(UTC)
    hotswap(
        *("audit", "--actor", "olga", "--role", "operator", "--source", "API", "--token", "hs_4f"),
        *("--address", "10.0.0.0/8", "--request-id", "r-1", "--action", "swap", "--object-kind"),
        *("model", "--object", "iris", "--swap", "00000000-0000-4000-8000-000000000001"),
        *("--outcome", "done", "--reason", "ticket", "--since", "2h", "--until", "2026-10-03"),
    )
    query = {name: values[0] for name, values in server.requests[-1].query.items()}
    since = datetime.fromisoformat(query.pop("since"))
    assert timedelta(0) <= since - (before - timedelta(hours=2)) < timedelta(minutes=5)
    assert query == {
        "actor": "olga",
        "role": "operator",
        "source": "API",
        "token": "hs_4f",
        "address": "10.0.0.0/8",
        "request_id": "r-1",
        "action": "swap",
        "object_kind": "model",
        "object_name": "iris",
        "swap": "00000000-0000-4000-8000-000000000001",
        "outcome": "done",
        "reason": "ticket",
        "until": "2026-10-03T00:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "yesterday"), "is no time"),
        (("--since", "2026-10-02T10:00:00"), "says no zone"),
        (("--actor", "x", "export"), "filters come after the command"),
        (("show", "first"), "Invalid value for 'ID'"),
    ],
)
def test_what_makes_no_sense_is_not_asked_for(
    hotswap: CommandLine, server: Server, words: tuple[str, ...], says: str
) -> None:
    assert says in hotswap("audit", *words, code=2).err
    assert server.requests == []


def test_an_entry_is_shown_with_what_proves_it(hotswap: CommandLine, server: Server) -> None:
    server.answers(SEALED, recorded("refusals/404-audit-entry"))
    done = hotswap("audit", "show", NUMBER)
    assert f"sealed, seal {SEALED.body['proof']['seal']} of " in done.out
    assert SEALED.body["actor"] in done.out
    assert hotswap("audit", "show", NUMBER, "--json").json == SEALED.body
    missing = hotswap("audit", "show", "999999999", code=4)
    assert "404 audit-entry-not-found" in missing.err


def test_a_broken_proof_ends_with_1(hotswap: CommandLine, server: Server) -> None:
    broken = SEALED.body["proof"] | {"state": "broken", "reason": "the reason was changed"}
    server.answers(SEALED.but(proof=broken))
    done = hotswap("audit", "show", NUMBER, code=1)
    assert f"entry {NUMBER} is not as Hotswap wrote it: the reason was changed" in done.err


def test_the_log_is_exported_to_stdout_and_to_a_file(
    hotswap: CommandLine, server: Server, tmp_path: Path
) -> None:
    server.answers(EXPORT)
    done = hotswap("audit", "export", "--action", "manage-hosts")
    assert done.out == EXPORT.body
    assert server.requests[-1].query == {"format": ["jsonl"], "action": ["manage-hosts"]}
    file = tmp_path / "audit.jsonl"
    assert f"written to {file}" in hotswap("audit", "export", "-o", str(file)).err
    assert file.read_text() == EXPORT.body
    nowhere = hotswap("audit", "export", "-o", str(tmp_path / "no" / "audit.csv"), code=1)
    assert "cannot be written" in nowhere.err


def test_an_export_that_breaks_off_leaves_no_file(
    hotswap: CommandLine, server: Server, tmp_path: Path
) -> None:
    server.tells("GET", "audit/export", lambda handler: handler.send(EXPORT, at_most=20))
    file = tmp_path / "audit.jsonl"
    done = hotswap("audit", "export", "-o", str(file), code=1)
    assert "the server's answer broke off" in done.err
    assert list(tmp_path.iterdir()) == []


def test_new_entries_are_followed_each_once(
    hotswap: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest, *older = LIST.body["items"]
    turns = iter(range(2))

    def pause(_: float) -> None:
        if next(turns, None) is None:
            raise KeyboardInterrupt

    monkeypatch.setattr("swaps.cli.commands.audit.time.sleep", pause)
    server.answers(LIST.but(items=older, next=None), LIST.but(items=[newest, *older], next=None))
    done = hotswap("audit", "--follow", "--json", code=130)
    assert [line["id"] for line in done.lines] == [one["id"] for one in [*older[::-1], newest]]
    assert all(json.loads(line) for line in done.out.splitlines())
