"""A server with recorded answers, and the command line that asks it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.given.promises import require_taken
from tests.unit.cli.server import PREFIX, Server, serving
from tests.unit.cli.typing_it import Clock, CommandLine


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server
    assert server.unexpected == [], "calls that the test did not tell the answer to"
    # Here every body is taken; the real server takes only what its document says.
    for request, status in server.answered:
        if status < 400:
            require_taken(request.method, f"{PREFIX}{request.path}", request.body)


@pytest.fixture
def stranger(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> CommandLine:
    """Somebody who has the command, and no login."""
    for variable in ("HOTSWAP_URL", "HOTSWAP_TOKEN", "HOTSWAP_CA_FILE", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return CommandLine(monkeypatch, capsys)


@pytest.fixture
def hotswap(stranger: CommandLine, server: Server, monkeypatch: pytest.MonkeyPatch) -> CommandLine:
    monkeypatch.setenv("HOTSWAP_URL", server.url)
    monkeypatch.setenv("HOTSWAP_TOKEN", "hs_a_token_of_the_tests")
    return stranger


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("swaps.cli.rest.time", clock)
    monkeypatch.setattr("swaps.cli.following.time", clock)
    return clock
