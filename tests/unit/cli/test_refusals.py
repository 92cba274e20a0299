"""What goes wrong ends in a sentence that names the way out, and in an exit code for scripts."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.engine.tls_in_front import make_certificates, tls_in_front_of
from tests.unit.cli.recorded import Answer, recorded
from tests.unit.cli.server import Server
from tests.unit.cli.typing_it import Clock, CommandLine

ME = recorded("people/me")
HTML = {"Content-Type": "text/html"}


@pytest.mark.parametrize(
    ("name", "words", "code", "says"),
    [
        ("401", ("whoami",), 7, "does not take this token (unknown, expired or revoked)"),
        ("403", ("swap", "iris", "1.0", "1.1"), 4, "needs the role operator"),
        ("404-model", ("models", "show", "tulip"), 4, "(404 model-not-found)"),
        ("409-swap-in-progress", ("swap", "iris", "1.0", "1.1"), 4, "; see it with 'hotswap watch"),
        ("422-version", ("swap", "iris", "1.0", "9.9"), 4, "(422 version-not-found)"),
        ("422-field", ("swap", "iris", "1.0", "1.1"), 4, "on_drain_timeout"),
        ("503-host-unreachable", ("swap", "iris", "1.0", "1.1"), 4, "(503 host-unreachable)"),
    ],
)
def test_each_refusal_has_its_code_and_its_sentence(
    hotswap: CommandLine,
    server: Server,
    clock: Clock,
    name: str,
    words: tuple[str, ...],
    code: int,
    says: str,
) -> None:
    refusal = recorded(f"refusals/{name}")
    calls = {"swap": ("POST", "swaps"), "whoami": ("GET", "me"), "models": ("GET", "models/tulip")}
    method, path = calls[words[0]]
    server.answers(Answer(method, path, refusal.status, refusal.headers, refusal.body))
    done = hotswap(*words, code=code)
    assert done.out == ""
    assert done.err.splitlines()[-1].startswith("hotswap: ")
    assert says in done.err
    # For programs: the server's own document beside the code.
    told = json.loads(hotswap(*words, "--json", code=code).err.splitlines()[-1])
    assert (told["exit_code"], told["problem"]) == (code, refusal.body)


def test_the_swap_that_is_in_the_way_is_named(hotswap: CommandLine, server: Server) -> None:
    refusal = recorded("refusals/409-swap-in-progress")
    server.answers(refusal)
    swap = refusal.body["swap_id"]
    done = hotswap("swap", "iris", "1.0", "1.1", code=4)
    assert f"see it with 'hotswap watch {swap}', or 'hotswap rollback {swap}'" in done.err


def test_nobody_listens(
    hotswap: CommandLine, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    monkeypatch.setenv("HOTSWAP_URL", f"http://127.0.0.1:{port}")
    done = hotswap("whoami", code=6)
    assert f"http://127.0.0.1:{port} cannot be reached" in done.err
    assert "trying again" in done.err
    assert clock.pauses[:3] == [0.3, 0.6, 1.2], "growing pauses, for ten seconds in all"
    assert 7 < clock.now <= 10


def test_a_server_that_comes_back_is_asked_again(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    away = Answer("GET", "me", 502, HTML, "<h1>Bad Gateway</h1>")
    server.answers(away, away, ME)
    done = hotswap("whoami", "--json")
    assert done.json["name"] == "the-administrator"
    assert done.err.count("the server answers 502; trying again") == 1


def test_what_stands_before_a_server_that_stays_away_is_told_apart(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    server.answers(Answer("GET", "me", 502, HTML, "<h1>Bad Gateway</h1>"))
    done = hotswap("whoami", code=6)
    assert "127.0.0.1 answers 502: Hotswap behind it is away" in done.err


def test_a_command_whose_answer_was_lost_is_sent_again_under_the_same_key(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    server.drops("POST", "swaps")
    server.answers(recorded("swaps/start"))
    hotswap("swap", "iris", "1.0", "1.1")
    first, second = server.asked("POST", "swaps")
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]
    assert first.body == second.body


def test_one_that_stays_lost_may_be_done_all_the_same(
    hotswap: CommandLine, server: Server, clock: Clock
) -> None:
    server.drops("POST", "swaps")
    done = hotswap("swap", "iris", "1.0", "1.1", code=6)
    assert "It was sent, and may be done all the same" in done.err


def test_an_edit_is_sent_once(hotswap: CommandLine, server: Server, clock: Clock) -> None:
    server.answers(recorded("hosts/delta"))
    server.drops("PATCH", "hosts/delta")
    done = hotswap("hosts", "edit", "delta", "--max-loads", "3", code=6)
    assert "may be done all the same" in done.err
    assert len(server.asked("PATCH", "hosts/delta")) == 1


@pytest.mark.parametrize("after", ["3", "Thu, 01 Jan 2026 00:00:00 GMT"])
def test_too_many_calls_wait_as_the_server_asks(
    hotswap: CommandLine, server: Server, clock: Clock, after: str
) -> None:
    refusal = recorded("refusals/401")
    busy = {"status": 429, "code": "too-many-requests", "detail": "too many requests"}
    headers = refusal.headers | {"Retry-After": after}
    server.answers(Answer("GET", "me", 429, headers, refusal.body | busy), ME)
    done = hotswap("whoami")
    assert "too many requests; trying again" in done.err
    assert clock.pauses == [3.0 if after == "3" else 0.0]


def test_a_redirect_is_not_followed(hotswap: CommandLine, server: Server) -> None:
    moved = {"Location": "https://elsewhere.example.com/"}
    server.answers(Answer("GET", "me", 301, moved))
    done = hotswap("whoami", code=1)
    assert "sends on to https://elsewhere.example.com/" in done.err
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer("GET", "me", 404, HTML, "<h1>Not found</h1>"), "is the URL right?"),
        (Answer("GET", "me", 200, HTML, "<h1>Welcome</h1>"), "is this Hotswap?"),
        (Answer("GET", "me", 200, {"Content-Type": "application/json"}, []), "is this Hotswap?"),
    ],
)
def test_what_does_not_answer_as_hotswap_is_told_so(
    hotswap: CommandLine, server: Server, answer: Answer, says: str
) -> None:
    server.answers(answer)
    assert says in hotswap("whoami", code=1).err


def test_a_server_that_is_broken_ends_with_1(hotswap: CommandLine, server: Server) -> None:
    refusal = recorded("refusals/401")
    broken = {"status": 500, "code": "internal", "detail": "something broke"}
    server.answers(Answer("GET", "me", 500, refusal.headers, refusal.body | broken))
    assert "something broke (500 internal)" in hotswap("whoami", code=1).err


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("swop",), "No such command 'swop'"),
        (("swap", "iris"), "Missing argument"),
        (("swap", "iris", "1.1", "--keep-warm", "soon"), "is no duration"),
        (("swap", "iris", "1.0", "1.1", "--strategy", "{"), "the strategy is no JSON"),
    ],
)
def test_what_is_mistyped_ends_with_2_and_is_not_sent(
    hotswap: CommandLine, server: Server, words: tuple[str, ...], says: str
) -> None:
    assert says in hotswap(*words, code=2).err
    assert server.requests == []


def test_the_version_and_the_help_need_no_server(stranger: CommandLine) -> None:
    assert stranger("--version").out.startswith("hotswap ")
    assert "Exit codes: 0 completed" in " ".join(stranger("--help").out.split())


# -- who vouches for the server --


@pytest.fixture
def by_tls(hotswap: CommandLine, server: Server, tmp_path: Path) -> Iterator[Path]:
    """The server behind TLS; the authority that signed its certificate."""
    server.answers(ME)
    authority, certificate = make_certificates(tmp_path, "127.0.0.1")
    port = int(server.url.rpartition(":")[2])
    with tls_in_front_of(port, certificate) as secure:
        hotswap.patch.setenv("HOTSWAP_URL", f"https://127.0.0.1:{secure}")
        yield authority


def test_an_authority_that_is_not_named_is_not_believed_and_asked_once(
    hotswap: CommandLine, by_tls: Path, clock: Clock
) -> None:
    done = hotswap("whoami", code=6)
    assert "is not trusted" in done.err
    assert "set HOTSWAP_CA_FILE" in done.err
    assert clock.pauses == [], "more tries make no friend"


def test_one_that_is_named_is(hotswap: CommandLine, by_tls: Path) -> None:
    hotswap.patch.setenv("HOTSWAP_CA_FILE", str(by_tls))
    assert "the-administrator" in hotswap("whoami").out


def test_a_file_without_an_authority_is_named(hotswap: CommandLine, tmp_path: Path) -> None:
    hotswap.patch.setenv("HOTSWAP_CA_FILE", str(tmp_path / "nowhere.pem"))
    assert "HOTSWAP_CA_FILE is" in hotswap("whoami", code=2).err
