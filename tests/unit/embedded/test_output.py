"""What the terminal and the log files get."""

import io
from pathlib import Path

import pytest

from hotswap_site.embedded import output
from hotswap_site.embedded.output import LogFile, Terminal


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colours_one_a_speaker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    screen = Screen()
    terminal = Terminal(screen)
    for speaker in ("router", "worker", "router"):
        terminal.say(speaker, "hello")
    first, second, third = screen.getvalue().splitlines()
    assert first == third == "\x1b[36mrouter    |\x1b[0m hello"
    assert second.startswith("\x1b[33mworker")


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    screen = Screen()
    Terminal(screen).say("router", "hello")
    assert screen.getvalue() == "router    | hello\n"


def test_a_log_file_never_outgrows_its_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "LOG_FILE_BYTES", 100)
    log = LogFile(tmp_path / "worker.log")
    for number in range(100):
        log.write(b"line %3d\n" % number)
    log.close()
    kept = (tmp_path / "worker.log.1").read_bytes() + (tmp_path / "worker.log").read_bytes()
    assert kept.endswith(b"line  98\nline  99\n")
    assert len(kept) <= 200
    assert {path.name for path in tmp_path.iterdir()} == {"worker.log", "worker.log.1"}
