"""What befalls a process: it is killed, or it stands still and goes on later."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from hotswap_site.embedded.supervisor import Supervisor

STILL_SECONDS = 10.0
RESTART_SECONDS = 90.0


class Fault(StrEnum):
    KILL = "kill -9"
    STILL = "10 s still"


def family(pid: int) -> list[int]:
    """A process and all that came of it: Postgres has a process for each connection."""
    try:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return []
    return [pid, *(one for child in found for one in family(int(child)))]


@contextlib.contextmanager
def standing_still(pid: int) -> Iterator[None]:
    pids = family(pid)
    for one in pids:
        _signal(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in pids:
            _signal(one, signal.SIGCONT)


def _signal(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def kill(supervisor: Supervisor, process: str, meanwhile: Callable[[], None]) -> None:
    """kill -9, `meanwhile` at once, and back again before this returns."""
    starts = supervisor.starts(process)
    supervisor.kill(process)
    meanwhile()
    supervisor.wait_restarted(process, starts, timeout_seconds=RESTART_SECONDS)


def stop(supervisor: Supervisor, process: str, meanwhile: Callable[[], None]) -> None:
    """SIGSTOP, `meanwhile` a moment later, SIGCONT after STILL_SECONDS."""
    pid = supervisor.pid(process)
    assert pid is not None, f"{process} does not run"
    began = time.monotonic()
    with standing_still(pid):
        time.sleep(1)
        meanwhile()
        time.sleep(max(0.0, STILL_SECONDS - (time.monotonic() - began)))
