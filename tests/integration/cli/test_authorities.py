"""A server whose certificate an authority of the team's own signed."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from swaps.cli.exits import Misused, Unreachable
from swaps.cli.logins import Login
from swaps.cli.rest import Api
from tests.integration.engine.tls_in_front import make_certificates, tls_in_front_of

VARIABLE = "HOTSWAP_CA_FILE"


class Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "14")
        self.end_headers()
        self.wfile.write(b'{"name": "me"}')

    def log_message(self, format: str, *arguments: object) -> None:
        """A test's output is its own."""


@pytest.fixture
def server() -> Iterator[int]:
    serving = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    yield serving.server_port
    serving.shutdown()
    serving.server_close()


def who(port: int) -> object:
    api = Api(Login(f"https://127.0.0.1:{port}", "hs_token"), patience_seconds=0)
    try:
        return api.get("me")["name"]
    finally:
        api.close()


@pytest.mark.parametrize("plain", [False, True])
def test_an_authority_that_is_named_is_believed(
    server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plain: bool
) -> None:
    authority, certificate = make_certificates(tmp_path, "127.0.0.1", plain=plain)
    with tls_in_front_of(server, certificate) as port:
        monkeypatch.delenv(VARIABLE, raising=False)
        with pytest.raises(Unreachable, match=VARIABLE):
            who(port)
        monkeypatch.setenv(VARIABLE, str(authority))
        assert who(port) == "me"


def test_another_authority_is_not(
    server: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    other, _ = make_certificates(tmp_path / "other", "127.0.0.1")
    _, certificate = make_certificates(tmp_path, "127.0.0.1")
    monkeypatch.setenv(VARIABLE, str(other))
    with (
        tls_in_front_of(server, certificate) as port,
        pytest.raises(Unreachable, match="did not sign it"),
    ):
        who(port)


def test_a_file_that_holds_no_authority_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for path in (tmp_path / "nowhere.pem", tmp_path / "empty.pem"):
        monkeypatch.setenv(VARIABLE, str(path))
        with pytest.raises(Misused, match=VARIABLE):
            who(9)
        (tmp_path / "empty.pem").write_text("")
