"""What happens to the children when the supervisor itself is signalled, or killed."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from hotswap_site.embedded.leftovers import end_leftovers
from tests.integration.embedded.processes import LIMIT_SECONDS, read_pid, runs, wait_until

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def a_supervisor(folder: Path, *, patience_seconds: float) -> Iterator[subprocess.Popen[str]]:
    program = [sys.executable, "-m", "tests.integration.embedded.supervising"]
    process = subprocess.Popen(
        [*program, folder, str(patience_seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def children_of(folder: Path) -> list[int]:
    return [read_pid(folder / name) for name in ("stubborn", "parent", "fork")]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_being_asked_to_stop_ends_every_child(tmp_path: Path, signum: signal.Signals) -> None:
    with a_supervisor(tmp_path, patience_seconds=0.5) as supervisor:
        pids = children_of(tmp_path)
        supervisor.send_signal(signum)
        assert supervisor.wait(LIMIT_SECONDS) == 42
        wait_until(lambda: not any(map(runs, pids)), "every child has ended")


def test_being_asked_twice_ends_a_child_that_takes_its_time(tmp_path: Path) -> None:
    with a_supervisor(tmp_path, patience_seconds=3600) as supervisor:
        pids = children_of(tmp_path)
        supervisor.send_signal(signal.SIGINT)
        # The first to be ended is the last that was started: from then on it is stopping.
        wait_until(lambda: not runs(pids[1]), "the first request has reached the children")
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(LIMIT_SECONDS) == 42
        wait_until(lambda: not any(map(runs, pids)), "every child has ended")


def test_kill_9_leaves_nothing_running(tmp_path: Path) -> None:
    with a_supervisor(tmp_path, patience_seconds=0.5) as supervisor:
        pids = children_of(tmp_path)
        supervisor.kill()
        supervisor.wait(LIMIT_SECONDS)
        wait_until(lambda: not any(map(runs, pids)), "every child has ended")


def test_what_even_the_guardian_could_not_end_is_ended_by_the_next_run(tmp_path: Path) -> None:
    with a_supervisor(tmp_path, patience_seconds=0.5) as supervisor:
        pids = children_of(tmp_path)
        for pid in (guardian_of(supervisor.pid), supervisor.pid):
            os.kill(pid, signal.SIGKILL)
        supervisor.wait(LIMIT_SECONDS)
        stubborn = {pid for pid in pids if runs(pid)}
        assert stubborn, "a child that ignores SIGTERM outlives both"
        another = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
        try:
            assert stubborn <= set(end_leftovers(tmp_path))
            assert not any(map(runs, pids))
            assert another.poll() is None
        finally:
            another.kill()
            another.wait()


def guardian_of(supervisor: int) -> int:
    tasks = Path(f"/proc/{supervisor}/task").glob("*/children")
    children = [int(pid) for task in tasks for pid in task.read_text().split()]
    (found,) = (
        pid for pid in children if b"guardian.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    return found
