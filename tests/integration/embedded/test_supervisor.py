"""The supervisor over real processes."""

import fcntl
import io
import signal
from pathlib import Path

import pytest

from hotswap_site.embedded.child import Child, Exit, StopStep
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.supervisor import Supervisor
from tests.integration.embedded.processes import (
    FAMILY,
    STAYS,
    STUBBORN,
    TELLS_ITS_END,
    python_child,
    read_pid,
    runs,
    wait_until,
)


def test_shows_each_line_with_its_speaker_and_keeps_it_in_a_file(tmp_path: Path) -> None:
    screen = io.StringIO()
    with Supervisor(tmp_path, stream=screen) as supervisor:
        child = python_child("router", "print('listening'); print('done')", restart=False)
        supervisor.start(child)
        assert supervisor.wait_exit("router").returncode == 0
    assert "router    | listening\nrouter    | done\n" in screen.getvalue()
    assert "\x1b" not in screen.getvalue()
    assert (tmp_path / "router.log").read_text() == "listening\ndone\n"


def test_waits_until_a_child_is_ready(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    with Supervisor(tmp_path, stream=None) as supervisor:
        supervisor.start(python_child("host", STAYS, mark, ready=mark.exists))
        assert mark.exists()


def test_starts_a_killed_child_again_and_reports_its_end(tmp_path: Path) -> None:
    ends: list[Exit] = []
    screen = io.StringIO()
    with Supervisor(tmp_path, stream=screen, on_exit=ends.append) as supervisor:
        mark = tmp_path / "pid"
        supervisor.start(python_child("envoy", STAYS, mark, ready=mark.exists))
        killed = supervisor.kill("envoy", signal.SIGKILL)
        supervisor.wait_restarted("envoy", 1)
        wait_until(lambda: bool(ends), "its end was reported")
        assert ends == [Exit("envoy", killed, -signal.SIGKILL, start=1, again=True)]
        assert supervisor.pid("envoy") not in (None, killed)
        assert not runs(killed)
    assert "envoy was ended by SIGKILL; starting it again in 0.2 s" in screen.getvalue()


def test_a_child_is_started_again_before_the_report_of_its_end_is_done(tmp_path: Path) -> None:
    back: list[bool] = []

    def slow_report(ended: Exit) -> None:
        back.append(supervisor.is_back(ended, timeout_seconds=60))

    with Supervisor(tmp_path, stream=None, on_exit=slow_report) as supervisor:
        supervisor.start(python_child("envoy", STAYS, tmp_path / "pid"))
        supervisor.kill("envoy")
        supervisor.wait_restarted("envoy", 1)
        wait_until(lambda: bool(back), "the report is done")
        assert back == [True]


def test_what_was_started_before_a_child_still_runs_while_its_end_is_reported(
    tmp_path: Path,
) -> None:
    database_ran: list[bool] = []

    def report(ended: Exit) -> None:
        if ended.name == "envoy":
            assert not supervisor.is_back(ended, timeout_seconds=60)
            pid = supervisor.pid("database")
            database_ran.append(pid is not None and runs(pid))

    with Supervisor(tmp_path, stream=None, on_exit=report) as supervisor:
        supervisor.start(python_child("database", STAYS, tmp_path / "database"))
        supervisor.start(python_child("envoy", STAYS, tmp_path / "envoy"))
    assert database_ran == [True]


def test_a_lock_is_held_until_the_very_program_has_ended(tmp_path: Path) -> None:
    """Whoever gets it knows that no earlier process runs, also none that outlived its keeper."""
    lock = tmp_path / "node.lock"
    with Supervisor(tmp_path, stream=None) as supervisor:
        first = tmp_path / "first"
        supervisor.start(python_child("first", STAYS, first, ready=first.exists, lock=lock))
        second = tmp_path / "second"
        supervisor.start(
            python_child("second", STAYS, second, ready=second.exists, lock=lock), wait=False
        )
        wait_until(lambda: supervisor.pid("second") is not None, "the second one is launched")
        with lock.open() as opened, pytest.raises(BlockingIOError):
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert not second.exists()
        supervisor.stop("first")
        supervisor.wait_ready("second")
        assert runs(read_pid(second))


def test_prepares_anew_before_every_start(tmp_path: Path) -> None:
    starts: list[int] = []
    with Supervisor(tmp_path, stream=None) as supervisor:
        mark = tmp_path / "pid"
        child = python_child("envoy", STAYS, mark, prepare=lambda: starts.append(len(starts)))
        supervisor.start(child)
        supervisor.kill("envoy")
        supervisor.wait_restarted("envoy", 1)
        assert starts == [0, 1]


def test_goes_on_when_the_hook_for_an_end_fails(tmp_path: Path) -> None:
    def broken(ended: Exit) -> None:
        raise ConnectionError("no database")

    screen = io.StringIO()
    with Supervisor(tmp_path, stream=screen, on_exit=broken) as supervisor:
        supervisor.start(python_child("envoy", STAYS, tmp_path / "pid"))
        supervisor.kill("envoy")
        supervisor.wait_restarted("envoy", 1)
    assert "the hook for the end of envoy failed: ConnectionError('no database')" in (
        screen.getvalue()
    )


def test_a_child_that_ends_before_it_is_ready_is_reported_with_its_last_words(
    tmp_path: Path,
) -> None:
    child = python_child(
        "worker", "print('no such queue'); raise SystemExit(3)", ready=lambda: False
    )
    with (
        Supervisor(tmp_path, stream=None) as supervisor,
        pytest.raises(EmbeddedError, match="worker ended with code 3, its last words: no such"),
    ):
        supervisor.start(child)


def test_a_child_that_is_late_is_reported_and_ended(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    child = python_child("worker", STAYS, mark, ready=lambda: False, ready_timeout_seconds=1)
    with Supervisor(tmp_path, stream=None) as supervisor:
        with pytest.raises(EmbeddedError, match="worker is not ready after 1 s"):
            supervisor.start(child)
        assert supervisor.pid("worker") is None
    if mark.exists():  # on a machine so busy that it did not get as far
        assert not runs(int(mark.read_text()))


def test_a_program_that_does_not_exist_is_one_sentence(tmp_path: Path) -> None:
    with (
        Supervisor(tmp_path, stream=None) as supervisor,
        pytest.raises(EmbeddedError, match="/no/such/program cannot be run"),
    ):
        supervisor.start(Child(name="envoy", argv=["/no/such/program"], ready=lambda: False))


def test_ends_children_in_reverse_order(tmp_path: Path) -> None:
    ends = tmp_path / "ends"
    with Supervisor(tmp_path, stream=None) as supervisor:
        for name in ("first", "second", "third"):
            log = tmp_path / f"{name}.log"
            supervisor.start(
                python_child(
                    name, TELLS_ITS_END, ends, name, ready=lambda log=log: log.read_bytes() != b""
                )
            )
    assert ends.read_text().split() == ["third", "second", "first"]


@pytest.mark.parametrize("frozen", [False, True], ids=["running", "stopped by SIGSTOP"])
def test_kills_a_child_that_will_not_end(tmp_path: Path, frozen: bool) -> None:
    mark = tmp_path / "pid"
    child = python_child(
        "host", STUBBORN, mark, ready=mark.exists, stop=(StopStep(signal.SIGTERM, 0.5),)
    )
    screen = io.StringIO()
    with Supervisor(tmp_path, stream=screen) as supervisor:
        supervisor.start(child)
        pid = read_pid(mark)
        if frozen:
            supervisor.kill("host", signal.SIGSTOP)
    assert not runs(pid)
    assert "host did not stop when asked, so it was killed" in screen.getvalue()


def test_what_a_dead_child_had_forked_ends_with_it(tmp_path: Path) -> None:
    parent, fork = tmp_path / "parent", tmp_path / "fork"
    with Supervisor(tmp_path, stream=None) as supervisor:
        supervisor.start(python_child("worker", FAMILY, parent, fork, restart=False))
        forked = read_pid(fork)
        supervisor.kill("worker")
        supervisor.wait_exit("worker", timeout_seconds=60)
        wait_until(lambda: not runs(forked), "the forked process ends")


def test_nothing_is_left_when_the_block_ends_by_an_error(tmp_path: Path) -> None:
    mark = tmp_path / "pid"

    def demo() -> None:
        with Supervisor(tmp_path, stream=None) as supervisor:
            supervisor.start(python_child("host", STAYS, mark, ready=mark.exists))
            raise RuntimeError("the demo failed")

    with pytest.raises(RuntimeError, match="the demo failed"):
        demo()
    assert not runs(read_pid(mark))
