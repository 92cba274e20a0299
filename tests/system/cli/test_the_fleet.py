"""Hosts, models, strategies, tokens and the router by command line: shown, made, changed, gone."""

import json
from pathlib import Path

from tests.system.cli.command_line import CommandLine
from tests.system.fleet import Fleet


def test_hosts(hotswap: CommandLine, fleet: Fleet, tmp_path: Path) -> None:
    assert "healthy" in hotswap("hosts").out
    names = [host["name"] for host in hotswap("hosts", "list", "--json").json["items"]]
    assert {"alpha", "beta"} <= set(names)
    real = fleet.hosts["alpha"]
    secret = tmp_path / "token"
    secret.write_text(real["control_token"])
    # Another name for a machine that is there; nothing else uses it.
    added = hotswap("hosts", "add", "delta", real["url"], "--token-file", str(secret), "--json")
    assert added.json["health"] == "healthy"
    assert real["control_token"] not in added.out
    assert "healthy" in hotswap("hosts", "check", "delta").out
    edited = hotswap("hosts", "edit", "delta", "--max-loads", "3", "--json").json
    assert edited["max_concurrent_loads"] == 3
    edited = hotswap("hosts", "edit", "delta", "--idle-timeout", "2.5", "--json").json
    assert (edited["idle_timeout_seconds"], edited["idle_timeout_in_use_seconds"]) == (2.5, 2.5)
    edited = hotswap("hosts", "edit", "delta", "--idle-timeout", "auto", "--json").json
    assert edited["idle_timeout_seconds"] is None
    assert "auto" in hotswap("hosts", "edit", "delta", "--idle-timeout", "soon", code=2).err
    elsewhere = ("hosts", "edit", "delta", "--url", "http://127.0.0.1:9")
    assert "give the token for that one" in hotswap(*elsewhere, code=4).err
    hotswap(*elsewhere, "--token-file", str(secret))
    away = hotswap("hosts", "check", "delta", code=1)
    assert "unreachable" in away.out
    assert "iris" in hotswap("hosts", "show", "alpha").out
    assert "in-use" in hotswap("hosts", "remove", "alpha", code=4).err
    assert hotswap("hosts", "remove", "delta", "--json").json == {"removed": "delta"}
    assert "host-not-found" in hotswap("hosts", "show", "delta", code=4).err


def test_models(hotswap: CommandLine, tmp_path: Path) -> None:
    sample = tmp_path / "sample.json"
    sample.write_text(json.dumps({"inputs": []}))
    added = hotswap(
        "models", "add", "tulip", "--sample-request", str(sample), "--drain-timeout", "2m"
    )
    assert "2 min" in added.out or "120 s" in added.out
    assert "tulip" in hotswap("models").out
    edited = hotswap("models", "edit", "tulip", "--strategy", "canary", "--json").json
    assert edited["default_strategy"]["name"] == "canary"
    assert edited["drain_timeout_seconds"] == 120
    bad = hotswap("models", "edit", "tulip", "--on-drain-timeout", "pray", code=4)
    assert "on_drain_timeout" in bad.err
    shown = hotswap("models", "show", "iris", "--json").json
    assert {one["version"] for one in shown["versions"]} >= {"1.0", "1.1"}
    assert "nothing serves tulip" in hotswap("swap", "tulip", "1.0", code=4).err
    lacking = hotswap("models", "activate", "tulip", "1.0", "--host", "alpha", code=4)
    assert "version-not-found" in lacking.err
    assert "tulip is removed" in hotswap("models", "remove", "tulip").out
    left = {row["name"] for row in hotswap("models", "list", "--json").json["items"]}
    assert {"iris", "slow"} <= left
    assert "tulip" not in left


def test_strategies(hotswap: CommandLine, tmp_path: Path) -> None:
    names = [one["name"] for one in hotswap("strategies", "--json").json["items"]]
    assert {"all-at-once", "canary", "linear"} <= set(names)
    steps = tmp_path / "steps.json"
    steps.write_text('[{"setWeight": 10}, {"pause": {"duration": 5}}]')
    made = hotswap(
        "strategies", "add", "careful", "--steps", f"@{steps}", "--description", "try it"
    )
    assert "10 %, hold 5 s" in made.out
    edited = hotswap("strategies", "edit", "careful", "--sticky-header", "x-user", "--json").json
    assert edited["sticky_header"] == "x-user"
    assert "careful" in hotswap("strategies", "list").out
    hotswap("strategies", "edit", "canary", "--description", "mine", code=4)
    assert "careful is removed" in hotswap("strategies", "remove", "careful").out
    hotswap("strategies", "show", "careful", code=4)


def test_tokens(hotswap: CommandLine, fleet: Fleet) -> None:
    made = hotswap("tokens", "create", "ci", "--role", "operator", "--model", "iris")
    token = made.out.strip()
    assert token.startswith("hs_")
    me = hotswap("whoami", HOTSWAP_TOKEN=token).out
    assert "operator of iris" in me
    assert "slow" not in hotswap("models", HOTSWAP_TOKEN=token).out
    listed = hotswap("tokens", "--json")
    assert token not in listed.out
    row = next(one for one in listed.json["items"] if one["name"] == "ci")
    assert hotswap("tokens", "revoke", str(row["id"]), "--json").json == {"revoked": row["id"]}
    hotswap("whoami", code=7, HOTSWAP_TOKEN=token)
    soon = hotswap("tokens", "create", "short", "--expires-in", "1h", "--json").json
    assert soon["expires_at"]
    assert "revoked" in hotswap("tokens", "list", "--user", "the-administrator").out


def test_people(hotswap: CommandLine) -> None:
    phrase = "a phrase that nobody guesses"
    made = hotswap("users", "create", "grace", "--role", "operator", typed=f"{phrase}\n")
    assert "grace: operator, active" in made.out
    assert "422 invalid-request" in hotswap("users", "create", "joan", typed="joan\n", code=4).err
    hotswap("users", "create", "joan", typed="", code=2)
    assert "joan" not in hotswap("users").out
    hotswap("users", "edit", "grace", code=2)
    edited = hotswap("users", "edit", "grace", "--role", "viewer", "--json")
    assert edited.json["role"] == "viewer"
    hotswap("users", "edit", "grace", "--password", typed="another good phrase\n")
    assert "disabled" in hotswap("users", "disable", "grace").out
    listed = hotswap("users", "list", "--role", "viewer", "--json")
    assert phrase not in listed.out
    assert [one["active"] for one in listed.json["items"] if one["username"] == "grace"] == [False]
    assert "grace: viewer, active" in hotswap("users", "enable", "grace").out


def test_router_and_overview(hotswap: CommandLine, fleet: Fleet) -> None:
    shown = hotswap("router")
    assert "connected" in shown.out
    node = hotswap("router", "show", "--json").json["nodes"][0]
    refused = hotswap("router", "retire", node["nonce"], "--reason", "a mistake", code=4)
    assert "not-possible-now" in refused.err
    status = hotswap("status")
    assert f"{fleet.serving('iris')} 100 %" in status.out
    models = {one["name"] for one in hotswap("status", "--json").json["models"]}
    assert {"iris", "slow"} <= models
    swaps = hotswap("swaps", "--model", "iris", "--limit", "1", "--json").json["items"]
    assert len(swaps) == 1
    assert swaps[0]["id"] in hotswap("swaps", "--state", swaps[0]["state"]).out


def test_the_shell_completes_names(hotswap: CommandLine) -> None:
    words = hotswap(
        "swap", _HOTSWAP_COMPLETE="complete_bash", COMP_WORDS="hotswap swap ir", COMP_CWORD="2"
    )
    assert words.out.split() == ["iris"]
    commands = hotswap(_HOTSWAP_COMPLETE="complete_bash", COMP_WORDS="hotswap ro", COMP_CWORD="1")
    assert "rollback" in commands.out.split()
