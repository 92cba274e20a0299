"""Which server, with which token: kept for one's own eyes, and the environment wins."""

import json
import stat

from tests.system.cli.command_line import PROJECT, CommandLine
from tests.system.fleet import Fleet


def test_a_login_is_checked_kept_used_and_forgotten(stranger: CommandLine, fleet: Fleet) -> None:
    url, token = fleet.stack.console_url, fleet.tokens["operator"]
    assert "hotswap login URL" in stranger("whoami", code=7).err
    done = stranger("login", url, typed=f"{token}\n")
    assert f"Logged in to {url} as the-operator (operator)" in done.out
    kept = stranger.home / ".config" / "hotswap" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {"url": url, "token": token}
    me = stranger("whoami", "--json").json
    assert (me["name"], me["role"], me["url"]) == ("the-operator", "operator", url)
    assert token not in json.dumps(me)

    viewer = stranger("whoami", "--json", HOTSWAP_TOKEN=fleet.tokens["viewer"]).json
    assert viewer["role"] == "viewer"
    # A token goes to the server that it is for, and to no other.
    elsewhere = stranger("whoami", code=7, HOTSWAP_URL="http://127.0.0.1:9")
    assert "is for" in elsewhere.err
    kept.chmod(0o644)
    assert "can be read by others" in stranger("whoami", code=7).err
    kept.chmod(0o600)

    assert "Logged out" in stranger("logout").out
    assert not kept.exists()
    assert stranger("logout", "--json").json == {"logged_out": False}


def test_a_wrong_token_is_not_kept(stranger: CommandLine, fleet: Fleet) -> None:
    refused = stranger("login", fleet.stack.console_url, typed="hs_wrong\n", code=7)
    assert "unknown, expired or revoked" in refused.err
    assert "hs_wrong" not in refused.err
    assert not (stranger.home / ".config").exists()
    address = "https://me:secret@example.com"
    assert "secret" not in stranger("login", address, typed="x\n", code=2).err


def test_it_is_installed_without_the_server(stranger: CommandLine) -> None:
    packages = [path.name for path in stranger.program.parents[1].glob("lib/*/site-packages/*")]
    assert any(name.startswith("httpx") for name in packages)
    for name in ("django", "celery", "psycopg", "grpc", "channels", "numpy"):
        assert name not in packages
    assert stranger("--version").out.startswith("hotswap ")
    assert "Exit codes: 0 completed" in " ".join(stranger("--help").out.split())


def test_it_runs_from_a_check_out_too(stranger: CommandLine) -> None:
    stranger.program = PROJECT / ".venv" / "bin" / "python"
    assert stranger("-m", "swaps.cli", "--version", PYTHONPATH=str(PROJECT)).out.startswith(
        "hotswap"
    )
