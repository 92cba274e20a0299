"""One folder, one server: refuse a second start, and let a dying predecessor finish."""

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import ADVICE

PREDECESSOR_TIMEOUT_SECONDS = 20.0


@contextlib.contextmanager
def claim(folder: Path, what: str) -> Iterator[None]:
    """Hold `folder` for this process until the context ends, however it ends.

    Raises EmbeddedError when another process holds it. A lock of the kernel's, which a
    kill -9 releases; a file with a process id in it would have to be guessed about.
    """
    lock_path = folder.with_name(f"{folder.name}.lock")
    try:
        lock = lock_path.open("a+")
    except OSError as error:
        raise EmbeddedError(
            f"{lock_path} cannot be written ({error.strerror}); {ADVICE}."
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise EmbeddedError(
                f"{what} in {folder} is already run by process {lock.read().strip() or '?'}; "
                "stop that one first, or set HOTSWAP_HOME to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def wait_until_left(folder: Path, what: str) -> None:
    """Wait for processes that still work in `folder`, the remains of a killed predecessor.

    Two servers on one data folder destroy it. Raises EmbeddedError when they do not end.
    """
    deadline = time.monotonic() + PREDECESSOR_TIMEOUT_SECONDS
    while pids := _working_in(folder):
        if time.monotonic() > deadline:
            raise EmbeddedError(
                f"{what} in {folder} is still used by process {pids[0]}, which was not started "
                "by us; stop it first, or set HOTSWAP_HOME to another folder."
            )
        time.sleep(0.05)


def _working_in(folder: Path) -> list[int]:
    """Processes whose working directory is `folder`; empty where there is no /proc."""
    pids = []
    real = os.path.realpath(folder)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(entry / "cwd") == real:
                pids.append(int(entry.name))
        except OSError:  # it ended meanwhile, or it is another user's and so not our server
            continue
    return pids
