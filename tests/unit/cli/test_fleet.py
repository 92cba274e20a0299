"""Hosts, models, strategies and the router: shown, made, changed, gone."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.recorded import recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import CommandLine


def table(out: str) -> list[list[str]]:
    """The words of each line."""
    return [line.split() for line in out.splitlines()]


def sent(server: Server, method: str, path: str) -> Any:
    return json.loads(server.asked(method, path)[-1].body)


# -- hosts --


def test_hosts_are_listed(hotswap: CommandLine, server: Server) -> None:
    listed = recorded("hosts/list")
    server.answers(listed)
    head, *rows = table(hotswap("hosts").out)
    assert head == ["host", "kind", "url", "health", "seen", "loaded"]
    assert [row[0] for row in rows] == ["alpha", "beta"]
    assert all("healthy" in row for row in rows)
    assert "iris 1.0" in hotswap("hosts", "list").out
    assert hotswap("hosts", "--json").json == {"items": listed.body["items"]}
    server.answers(listed.but(items=[], next=None))
    hotswap("hosts")
    assert "Add one: hotswap hosts add NAME URL" in hotswap("hosts").out


def test_a_host_is_shown_with_every_version_on_it(hotswap: CommandLine, server: Server) -> None:
    host = recorded("hosts/show")
    server.answers(host)
    done = hotswap("hosts", "show", "alpha")
    assert ["health", "healthy"] in table(done.out)
    assert ["control", "token", "yes"] in table(done.out)
    assert ["iris", "1.0", "ready", "loaded"] in [row[:4] for row in table(done.out)]
    assert hotswap("hosts", "show", "alpha", "--json").json == host.body
    server.answers(recorded("refusals/404-host"))
    assert "404 host-not-found" in hotswap("hosts", "show", "tulip", code=4).err


def test_a_host_is_added_with_the_token_of_a_file(
    hotswap: CommandLine, server: Server, tmp_path: Path
) -> None:
    server.answers(recorded("hosts/add"))
    secret = tmp_path / "token"
    secret.write_text("a-control-token\n")
    words = ("hosts", "add", "delta", "http://10.0.0.7:8001", "--max-loads", "2")
    done = hotswap(*words, "--token-file", str(secret))
    assert ["host", "delta"] in table(done.out)
    assert "a-control-token" not in done.out + done.err
    assert sent(server, "POST", "hosts") == {
        "name": "delta",
        "kind": "bundled",
        "url": "http://10.0.0.7:8001",
        "control_token": "a-control-token",
        "max_concurrent_loads": 2,
    }
    hotswap(*words, "--token-file", "-", typed="from-a-pipe\n")
    assert sent(server, "POST", "hosts")["control_token"] == "from-a-pipe"
    assert "cannot be read" in hotswap(*words, "--token-file", "/nowhere", code=2).err
    wrong = hotswap(*words, "--token-file", "-", typed="two words\n", code=2)
    assert "two words" not in wrong.err


def test_an_edit_names_what_was_seen(hotswap: CommandLine, server: Server) -> None:
    seen = recorded("hosts/delta")
    server.answers(seen, recorded("hosts/edit"))
    hotswap("hosts", "edit", "delta", "--max-loads", "3")
    (edit,) = server.asked("PATCH", "hosts/delta")
    assert edit.headers["if-match"] == seen.headers["ETag"]
    assert json.loads(edit.body) == {"max_concurrent_loads": 3}
    assert "say what to change" in hotswap("hosts", "edit", "delta", code=2).err


def test_a_host_moves_with_its_token(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("hosts/delta"), recorded("hosts/move"))
    away = ("hosts", "edit", "delta", "--url", "http://127.0.0.1:9", "--token-file", "-")
    hotswap(*away, typed="for-that-one\n")
    edit = {"url": "http://127.0.0.1:9", "control_token": "for-that-one"}
    assert sent(server, "PATCH", "hosts/delta") == edit


def test_a_check_tells_step_by_step_and_its_exit_code_the_result(
    hotswap: CommandLine, server: Server
) -> None:
    healthy, away = recorded("hosts/check-healthy"), recorded("hosts/check-unreachable")
    server.answers(healthy, away)
    done = hotswap("hosts", "check", "delta")
    assert ["check", "result", "found", "what", "to", "do"] in table(done.out)
    for one in healthy.body["checks"]:
        assert one["words"] in done.out
    failed = hotswap("hosts", "check", "delta", code=1)
    assert "unreachable" in failed.out
    assert any("failed" in row for row in table(failed.out))
    assert hotswap("hosts", "check", "delta", "--json", code=1).json == away.body


def test_a_host_is_removed_unless_it_is_in_use(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("hosts/remove"), recorded("refusals/409-host-in-use"))
    assert hotswap("hosts", "remove", "delta").out == "host delta is removed\n"
    assert hotswap("hosts", "remove", "delta", "--json").json == {"removed": "delta"}
    assert "in-use" in hotswap("hosts", "remove", "alpha", code=4).err


# -- models --


def test_models_are_listed(hotswap: CommandLine, server: Server) -> None:
    listed = recorded("models/list")
    server.answers(listed)
    head, *rows = table(hotswap("models").out)
    assert head == ["model", "serves", "versions", "hosts", "swap"]
    assert [row[:4] for row in rows] == [
        ["iris", "1.0", "100", "%"],
        ["slow", "1.0", "100", "%"],
    ]
    assert hotswap("models", "list", "--json").json == {"items": listed.body["items"]}
    server.answers(listed.but(items=[], next=None))
    hotswap("models")
    assert "Add one: hotswap models add NAME" in hotswap("models").out


def test_a_model_is_shown_with_its_route_and_its_queue(
    hotswap: CommandLine, server: Server
) -> None:
    queue, held = recorded("models/with-a-queue"), recorded("models/with-a-held-queue")
    server.answers(queue, held, queue)
    rows = table(hotswap("models", "show", "iris").out)
    assert ["serves", "1.0", "80", "%,", "1.1", "20", "%"] in rows
    assert ["swap", queue.body["open_swap"]] in rows
    first = queue.body["queue"][0]
    assert ["in", "line,", "1", first["to_version"], f"({first['id']})"] in rows
    assert ["version", "weight", "active", "in", "flight", "on"] in rows
    assert f"queue held  {held.body['queue_held_reason']}" in " ".join(
        hotswap("models", "show", "iris").out.split()
    ).replace("queue held ", "queue held  ")
    assert hotswap("models", "show", "iris", "--json").json == queue.body


def test_a_model_is_added_changed_and_removed(
    hotswap: CommandLine, server: Server, tmp_path: Path
) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text('{"inputs": []}')
    server.answers(recorded("models/add"), recorded("models/tulip"), recorded("models/edit"))
    server.answers(recorded("models/remove"))
    added = hotswap(
        "models", "add", "tulip", "--sample-request", str(sample), "--drain-timeout", "2m"
    )
    assert ["drain", "2", "min", "00", "s,", "then", "wait"] in table(added.out)
    assert sent(server, "POST", "models") == {
        "name": "tulip",
        "sample_request": {"inputs": []},
        "drain_timeout_seconds": 120,
    }
    edited = hotswap("models", "edit", "tulip", "--strategy", "canary")
    assert ["strategy", "canary"] in table(edited.out)
    assert sent(server, "PATCH", "models/tulip") == {"default_strategy": "canary"}
    assert "say what to change" in hotswap("models", "edit", "tulip", code=2).err
    assert hotswap("models", "remove", "tulip").out == "model tulip is removed\n"
    assert hotswap("models", "remove", "tulip", "--json").json == {"removed": "tulip"}


@pytest.mark.parametrize("sample", ["/nowhere", "-"])
def test_a_sample_that_is_no_json_is_not_sent(
    hotswap: CommandLine, server: Server, sample: str
) -> None:
    refused = hotswap("models", "add", "x", "--sample-request", sample, code=2, typed="{")
    assert "cannot be read" in refused.err or "holds no JSON document" in refused.err
    assert server.requests == []


def test_a_first_version_is_put_in_place(hotswap: CommandLine, server: Server) -> None:
    begun, again = recorded("models/activate"), recorded("models/activate-again")
    server.answers(begun, again)
    done = hotswap("models", "activate", "lily", "1.0", "--host", "alpha")
    assert done.out == f"swap {begun.body['id']}: lily nothing → 1.0, {begun.body['state']}\n"
    assert sent(server, "POST", begun.path) == {"target_hosts": ["alpha"], "reason": ""}
    assert hotswap("models", "activate", "lily", "1.0").out == "lily 1.0 serves already\n"
    assert hotswap("models", "activate", "lily", "1.0", "--json").json == again.body


def test_protection_takes_one_person_and_its_end_two(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("models/protect"), recorded("models/unprotect"))
    server.answers(recorded("models/unprotected"))
    done = hotswap("models", "protect", "iris", "--reason", "it earns money")
    assert "each swap waits for a second person" in done.out
    asked = hotswap("models", "unprotect", "iris")
    assert "asked for by the-administrator: a second administrator has to agree" in asked.out
    assert "protected" not in hotswap("models", "unprotect", "iris").out


def test_a_protected_models_swap_waits(hotswap: CommandLine, server: Server) -> None:
    begun = recorded("swaps/start-protected")
    server.answers(begun)
    done = hotswap("swap", "iris", begun.body["from_version"], begun.body["to_version"])
    assert ", NotStarted" in done.out


# -- strategies --


def test_strategies_are_listed_in_words(hotswap: CommandLine, server: Server) -> None:
    listed = recorded("strategies/list")
    server.answers(listed)
    head, *rows = table(hotswap("strategies").out)
    assert head == ["strategy", "steps", "default", "of", "description"]
    assert {"all-at-once", "canary", "linear"} <= {row[0] for row in rows}
    assert hotswap("strategies", "--json").json == {"items": listed.body["items"]}


def test_a_strategy_is_added_changed_and_removed(hotswap: CommandLine, server: Server) -> None:
    for name in ("add", "show", "edit", "remove"):
        server.answers(recorded(f"strategies/{name}"))
    steps = '[{"setWeight": 10}, {"pause": {"duration": 5}}]'
    made = hotswap("strategies", "add", "careful", "--steps", steps)
    assert ["steps", "10", "%,", "hold", "5", "s,", "100", "%"] in table(made.out)
    assert sent(server, "POST", "strategies") == {"name": "careful", "steps": json.loads(steps)}
    shown = hotswap("strategies", "show", "careful", "--json").json
    assert shown == recorded("strategies/show").body
    edited = hotswap("strategies", "edit", "careful", "--sticky-header", "x-user")
    assert ["sticky", "header", "x-user"] in table(edited.out)
    assert "careful is removed" in hotswap("strategies", "remove", "careful").out
    removed = hotswap("strategies", "remove", "careful", "--json")
    assert removed.json == {"removed": "careful"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "careful"), "say the steps"),
        (("add", "careful", "--steps", "canary"), "the steps are a JSON list"),
        (("add", "careful", "--steps", "[{"), "the strategy is no JSON"),
        (("add", "careful", "--steps", "@/nowhere"), "cannot be read"),
        (("edit", "careful"), "say what to change"),
    ],
)
def test_steps_that_make_no_sense_are_not_sent(
    hotswap: CommandLine, server: Server, words: tuple[str, ...], says: str
) -> None:
    assert says in hotswap("strategies", *words, code=2).err
    assert server.requests == []


# -- the router --


def test_each_node_is_shown_and_what_every_model_is_routed_to(
    hotswap: CommandLine, server: Server
) -> None:
    shown = recorded("router/show")
    server.answers(shown)
    rows = table(hotswap("router").out)
    node = shown.body["nodes"][0]
    assert [node["node"], node["nonce"], "connected"] in [row[:3] for row in rows]
    assert ["model", "revision", "requested", "applied"] in rows
    assert any(row[:1] == ["iris"] and "100" in row for row in rows)
    assert hotswap("router", "show", "--json").json == shown.body


def test_a_node_that_is_gone_is_retired_and_one_that_lives_is_not(
    hotswap: CommandLine, server: Server
) -> None:
    gone, lives = recorded("router/retire"), recorded("refusals/409-node-lives")
    server.answers(gone, lives)
    words = ("router", "retire", "edge-2-gone", "--reason", "it burnt down")
    assert hotswap(*words).out == "edge-2-gone is retired\n"
    assert sent(server, "POST", gone.path) == {"reason": "it burnt down"}
    assert hotswap(*words, "--json").json == gone.body
    refused = hotswap("router", "retire", lives.path.split("/")[2], code=4)
    assert "409 not-possible-now" in refused.err
