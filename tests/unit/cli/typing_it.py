"""The command line, called in this process as the shell calls it."""

import io
import time
from dataclasses import dataclass, field

import pytest

from swaps.cli.__main__ import main
from tests.given.ended import Ended


@dataclass
class Clock:
    """Pauses pass at once, and are counted."""

    now: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.pauses.append(seconds)

    def time(self) -> float:
        return time.time()


@dataclass
class CommandLine:
    patch: pytest.MonkeyPatch
    captured: pytest.CaptureFixture[str]

    def __call__(self, *words: str, code: int = 0, typed: str = "") -> Ended:
        """`code` is how it must end; `typed` comes from a pipe, as no terminal is there."""
        self.patch.setattr("sys.argv", ["hotswap", *words])
        self.patch.setattr("sys.stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self.captured.readouterr()
        assert ended.value.code == code, (words, ended.value.code, out, err)
        return Ended(code, out, err)
