"""Following a swap: drawn on a terminal, lines without one, JSON lines for programs."""

import json
import os
import pty
import re
import select
import subprocess
import time

from tests.system.cli.command_line import PATIENCE_SECONDS, CommandLine, comes_to
from tests.system.fleet import Fleet

STEERING = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")  # colours and movements of the cursor
HELD = '[{"setWeight": 25}, {"pause": {}}]'


class Terminal:
    """A pseudo-terminal that a command runs on, and all that was written there."""

    def __init__(self, line: CommandLine, *words: str) -> None:
        self._ours, theirs = pty.openpty()
        self.process = subprocess.Popen(
            [str(line.program), *words],
            env=line.environment | {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "40"},
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
        )
        os.close(theirs)
        self._bytes, self.written = b"", ""

    def shows(self, *words: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not all(word in self.written for word in words):
            assert time.monotonic() < deadline, (words, self.written)
            if not self._read(1.0) and self.process.poll() is not None:
                break
        assert all(word in self.written for word in words), self.written

    def ended(self) -> int:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.process.poll() is None and time.monotonic() < deadline:
            self._read(0.2)
        while self._read(0.2):
            pass
        os.close(self._ours)
        return self.process.wait(1)

    def _read(self, seconds: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], seconds)
        try:
            found = os.read(self._ours, 65536) if ready else b""
        except OSError:  # the other end is closed
            return False
        self._bytes += found
        self.written = STEERING.sub("", self._bytes.decode(errors="replace"))
        return bool(found)


def test_a_terminal_shows_bars_that_move_to_the_end(hotswap: CommandLine, fleet: Fleet) -> None:
    old, new = fleet.serving("iris"), fleet.other("iris")
    swap = fleet.start_swap("iris", strategy=json.loads(f'{{"steps": {HELD}}}'))["id"]
    terminal = Terminal(hotswap, "watch", "iris")
    terminal.shows("Transitioning", "requested", "applied", "observed", "in flight")
    terminal.shows(f"{old} → {new}", "█" * 24, "25 %", "75 %", "pause")
    fleet.command(swap, "promote", full=True)
    assert terminal.ended() == 0
    assert f"Completed: {new} serves iris" in terminal.written


def test_ctrl_c_ends_the_watching_alone(hotswap: CommandLine, fleet: Fleet) -> None:
    watching = hotswap.start("swap", "iris", fleet.other("iris"), "--strategy", HELD, "--wait")
    swap = comes_to(fleet, "iris", "Transitioning")
    followed = watching.process.stdout
    assert followed is not None
    while "Transitioning" not in followed.readline():
        pass
    ended = watching.interrupt()
    assert ended.code == 130, ended
    assert "Stopped watching; the swap goes on" in ended.err
    assert f"hotswap watch {swap}" in ended.err
    assert f"hotswap rollback {swap}" in ended.err
    assert fleet.get(f"swaps/{swap}")["state"] == "Transitioning"
    fleet.command(swap, "rollback")
    assert hotswap("watch", swap, code=3).out.splitlines()[-1].startswith("RolledBack: ")


def test_following_goes_on_when_the_server_comes_back(hotswap: CommandLine, fleet: Fleet) -> None:
    swap = fleet.start_swap("iris", strategy=json.loads(f'{{"steps": {HELD}}}'))["id"]
    watching = hotswap.start("watch", swap, "--json")
    followed = watching.process.stdout
    assert followed is not None
    seen = [json.loads(followed.readline())]
    supervisor = fleet.stack.supervisor
    starts = supervisor.starts("console")
    supervisor.kill("console")
    supervisor.wait_restarted("console", starts)
    fleet.reaches(swap, "Transitioning")
    fleet.command(swap, "rollback")
    # Not by `communicate`, which would miss what came together with the first line.
    seen += [json.loads(line) for line in followed]
    ended = watching.ended()
    assert ended.code == 3, ended
    assert "trying again" in ended.err
    told = [line["generation"] for line in seen if line["event"] not in {"progress", "end"}]
    assert told == [event["generation"] for event in fleet.events(swap)], seen
