"""The audit log by command line: filtered, one entry with its proof, and as a file."""

import csv
import io
import json
from pathlib import Path

from tests.system.cli.command_line import CommandLine
from tests.system.fleet import Fleet, eventually


def test_entries_are_found_shown_and_proven(hotswap: CommandLine, fleet: Fleet) -> None:
    viewer = fleet.tokens["viewer"]
    hotswap("hosts", "check", "alpha", code=4, HOTSWAP_TOKEN=viewer)
    query = ("audit", "--actor", "the-viewer", "--outcome", "refused", "--since", "1h")
    entry = hotswap(*query, "--json").json["items"][-1]
    assert (entry["source"], entry["role"]) == ("command line", "viewer")
    assert entry["token"] == viewer[:11]
    assert "needs the role administrator" in hotswap(*query).out
    narrow = (*query, "--address", "127.0.0.0/8", "--token", viewer[:11], "--reason", "role")
    assert hotswap(*narrow, "--request-id", entry["request_id"], "--json").json["items"] == [entry]
    assert "No entry matches" in hotswap("audit", "--role", "none", "--action", "swap").out

    def sealed() -> bool:
        proof = hotswap("audit", "show", str(entry["id"]), "--json").json["proof"]
        return bool(proof["state"] == "sealed")

    eventually(sealed, what="the entry is sealed")
    assert "sealed, seal " in hotswap("audit", "show", str(entry["id"])).out
    assert "audit-entry-not-found" in hotswap("audit", "show", "999999999", code=4).err


def test_wrong_filters_are_named(hotswap: CommandLine) -> None:
    assert "outcome" in hotswap("audit", "--outcome", "ok", code=4).err
    assert "is no time" in hotswap("audit", "--since", "yesterday", code=2).err
    assert "come after the command" in hotswap("audit", "--actor", "x", "export", code=2).err
    assert "format" in hotswap("audit", "export", "--format", "xls", code=4).err


def test_the_log_is_exported(hotswap: CommandLine, tmp_path: Path) -> None:
    hotswap("models", "edit", "iris", "--drain-timeout", "30s")
    lines = hotswap("audit", "export", "--action", "manage-models").lines
    assert lines
    assert {line["action"] for line in lines} == {"manage-models"}
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    file = tmp_path / "audit.csv"
    told = hotswap("audit", "export", "--format", "csv", "-o", str(file), "--object", "iris")
    assert str(file) in told.err
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert {row["object_name"] for row in rows} == {"iris"}
    assert not file.with_name("audit.csv.part").exists()
    own = hotswap("audit", "--action", "export-audit", "--json").json["items"][-1]
    assert own["after"] == {"format": "csv", "filters": {"object_name": "iris"}}


def test_new_entries_are_followed(hotswap: CommandLine) -> None:
    following = hotswap.start("audit", "--follow", "--json", "--action", "check-strange")
    tail = hotswap.start("audit", "--follow", "--json", "--limit", "1")
    assert tail.process.stdout is not None
    json.loads(tail.process.stdout.readline())
    hotswap("models", "edit", "slow", "--drain-timeout", "45s")
    entry = json.loads(tail.process.stdout.readline())
    while entry["object_name"] != "slow":
        entry = json.loads(tail.process.stdout.readline())
    assert entry["action"] == "manage-models"
    assert tail.interrupt().code == 130
    ended = following.interrupt()
    assert (ended.code, ended.out) == (130, "")
