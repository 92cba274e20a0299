"""login, logout, whoami; tokens and people."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.recorded import recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import CommandLine

TOKEN = "hs_typed_into_a_pipe"
ME = recorded("people/me")


def sent(server: Server, method: str, path: str) -> Any:
    return json.loads(server.asked(method, path)[-1].body)


# -- which server, with which token --


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    return tmp_path / ".config" / "hotswap" / "login.json"


def test_a_login_is_checked_kept_used_and_forgotten(
    stranger: CommandLine, server: Server, kept: Path
) -> None:
    server.answers(ME)
    assert "hotswap login URL" in stranger("whoami", code=7).err
    done = stranger("login", f"{server.url}/", typed=f"{TOKEN}\n")
    assert done.out == (
        f"Logged in to {server.url} as the-administrator (administrator); kept in {kept}\n"
    )
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert json.loads(kept.read_text()) == {"url": server.url, "token": TOKEN}
    assert "the-administrator" in stranger("whoami").out
    assert server.requests[-1].headers["authorization"] == f"Bearer {TOKEN}"
    assert stranger("whoami", "--json").json == {"url": server.url} | ME.body
    assert stranger("logout").out == "Logged out.\n"
    assert not kept.exists()
    assert stranger("logout", "--json").json == {"logged_out": False}


def test_a_folder_of_ones_own_is_honoured(
    stranger: CommandLine, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(ME)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "elsewhere"))
    done = stranger("login", server.url, "--json", typed=TOKEN)
    assert done.json["kept_at"] == str(tmp_path / "elsewhere" / "hotswap" / "login.json")


def test_a_token_that_is_not_taken_is_not_kept(
    stranger: CommandLine, server: Server, kept: Path
) -> None:
    server.answers(recorded("refusals/401"))
    done = stranger("login", server.url, typed=TOKEN, code=7)
    assert "unknown, expired or revoked" in done.err
    assert TOKEN not in done.err
    assert not kept.exists()


def test_the_environment_wins(
    hotswap: CommandLine, server: Server, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers(ME)
    done = hotswap("login", server.url, typed=TOKEN)
    assert "HOTSWAP_TOKEN is set and wins over this login" in done.err
    hotswap("whoami")
    assert server.requests[-1].headers["authorization"] == "Bearer hs_a_token_of_the_tests"
    # A token goes to the server that it is for, and to no other.
    monkeypatch.delenv("HOTSWAP_TOKEN")
    monkeypatch.setenv("HOTSWAP_URL", "http://127.0.0.1:9")
    assert f"is for {server.url}" in hotswap("whoami", code=7).err


@pytest.mark.parametrize(
    ("spoilt", "says"),
    [
        ("{", "cannot be read (JSONDecodeError)"),
        ('{"url": "http://127.0.0.1:9"}', "cannot be read (KeyError)"),
        ("readable", "can be read by others (mode 0644)"),
    ],
)
def test_a_kept_login_that_is_spoilt_says_what_to_do(
    stranger: CommandLine, kept: Path, spoilt: str, says: str
) -> None:
    kept.parent.mkdir(parents=True)
    kept.write_text(spoilt)
    kept.chmod(0o644 if spoilt == "readable" else 0o600)
    assert says in stranger("whoami", code=7).err


@pytest.mark.parametrize(
    ("url", "typed", "says"),
    [
        ("ftp://example.com", TOKEN, "must look like https://"),
        ("https://me:secret@example.com", TOKEN, "must hold no password"),
        ("https://example.com", "two words", "that is no API token"),
        ("https://example.com", "", "that is no API token"),
    ],
)
def test_what_makes_no_sense_is_not_repeated(
    stranger: CommandLine, url: str, typed: str, says: str
) -> None:
    done = stranger("login", url, typed=typed, code=2)
    assert says in done.err
    assert "secret" not in done.err
    assert "two words" not in done.err


def test_where_to_log_in_must_be_said_where_nobody_can_be_asked(stranger: CommandLine) -> None:
    assert "say the URL" in stranger("login", typed=TOKEN, code=2).err


def test_a_token_of_some_models_says_which(hotswap: CommandLine, server: Server) -> None:
    server.answers(recorded("people/me-scoped"))
    assert "operator of iris" in hotswap("whoami").out


# -- tokens --


def test_a_tokens_plain_text_alone_goes_to_stdout(hotswap: CommandLine, server: Server) -> None:
    made = recorded("tokens/create")
    server.answers(made, recorded("tokens/create-scoped"))
    done = hotswap("tokens", "create", "ci", "--role", "operator")
    assert done.out == f"{made.body['token']}\n"
    assert made.body["token"] not in done.err
    assert sent(server, "POST", "tokens") == {"name": "ci", "role": "operator"}
    before = datetime.now(UTC)
    scoped = hotswap(
        *("tokens", "create", "pipeline", "--role", "operator", "--user", "grace"),
        *("--model", "iris", "--expires-in", "1h", "--json"),
    )
    assert scoped.json["models"] == ["iris"]
    body = sent(server, "POST", "tokens")
    expires = datetime.fromisoformat(body.pop("expires_at"))
    assert before + timedelta(hours=1) <= expires <= datetime.now(UTC) + timedelta(hours=1)
    assert body == {"name": "pipeline", "role": "operator", "user": "grace", "models": ["iris"]}


def test_a_token_whose_answer_was_lost_is_to_be_revoked(
    hotswap: CommandLine, server: Server
) -> None:
    made = recorded("tokens/create")
    server.drops("POST", "tokens")
    server.answers(made.but(token=None))
    done = hotswap("tokens", "create", "ci", code=1)
    assert f"hotswap tokens revoke {made.body['id']}" in done.err
    first, second = server.asked("POST", "tokens")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


def test_tokens_are_listed_without_their_plain_text_and_revoked(
    hotswap: CommandLine, server: Server
) -> None:
    listed, gone = recorded("tokens/list"), recorded("tokens/revoke")
    server.answers(listed, gone)
    done = hotswap("tokens", "list", "--user", "the-administrator")
    rows = {line.split()[1]: line for line in done.out.splitlines()}
    assert "revoked" in rows["ci"]
    assert rows["administrator"].endswith("valid")
    assert "iris" in rows["pipeline"]
    assert server.requests[-1].query == {"user": ["the-administrator"]}
    number = gone.path.split("/")[1]
    assert hotswap("tokens", "revoke", number).out == f"token {number} is revoked\n"
    assert hotswap("tokens", "revoke", number, "--json").json == {"revoked": int(number)}
    expired = {**listed.body["items"][0], "revoked_at": None, "expires_at": "2020-01-01T00:00:00Z"}
    server.answers(listed.but(items=[expired], next=None))
    hotswap("tokens")
    assert hotswap("tokens").out.splitlines()[1].endswith("expired")


# -- people --


def test_people_are_let_in_with_a_password_from_a_pipe(
    hotswap: CommandLine, server: Server
) -> None:
    server.answers(recorded("users/create"), recorded("refusals/422-password"))
    phrase = "a phrase nobody guesses"
    done = hotswap("users", "create", "grace", "--role", "operator", typed=f"{phrase}\n")
    assert done.out == "grace: operator, active\n"
    assert sent(server, "POST", "users") == {
        "username": "grace",
        "role": "operator",
        "password": phrase,
    }
    weak = hotswap("users", "create", "joan", typed="joan\n", code=4)
    assert "422 invalid-request" in weak.err
    assert "a password is needed" in hotswap("users", "create", "joan", code=2).err


def test_people_are_changed_disabled_and_enabled(hotswap: CommandLine, server: Server) -> None:
    seen = recorded("users/show")
    for name in ("show", "edit", "disable", "enable"):
        server.answers(recorded(f"users/{name}"))
    path = seen.path
    assert hotswap("users", "edit", "grace", "--role", "viewer").out == "grace: viewer, active\n"
    assert sent(server, "PATCH", path) == {"role": "viewer"}
    assert "grace: viewer, disabled" in hotswap("users", "disable", "grace").out
    assert sent(server, "PATCH", path) == {"active": False}
    assert hotswap("users", "enable", "grace", "--json").json == recorded("users/enable").body
    hotswap("users", "edit", "grace", "--password", typed="another good phrase\n")
    assert sent(server, "PATCH", path) == {"password": "another good phrase"}
    assert "say what to change" in hotswap("users", "edit", "grace", code=2).err


def test_people_are_listed(hotswap: CommandLine, server: Server) -> None:
    listed = recorded("users/list")
    server.answers(listed)
    done = hotswap("users", "--json")
    assert done.json == {"items": listed.body["items"]}
    lines = hotswap("users", "list", "--role", "viewer").out.splitlines()
    assert lines[0].split()[:3] == ["name", "role", "state"]
    assert any(line.startswith("grace") and "disabled" in line for line in lines)
    assert server.requests[-1].query == {"role": ["viewer"]}
