"""Run as a script: become another user, tie our life to the parent's, then become the program.

A script of its own, because the same work between fork and exec (`preexec_fn`) can deadlock in
a process with threads. Only the standard library, and all of it imported at the top: once we
are another user, Python's own files may be out of reach.
"""

import argparse
import ctypes
import fcntl
import os
import pwd
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PR_SET_PDEATHSIG = 1
FIRST_FOLDER_DESCRIPTOR = 10
# An Envoy that was asked to end takes up to five seconds, one left by a killed supervisor eight.
LOCK_TIMEOUT_SECONDS = 20.0
LOCK_POLL_SECONDS = 0.02


def command(
    argv: Sequence[str],
    *,
    user: str | None = None,
    folders: Mapping[str, Path] | None = None,
    lock: Path | None = None,
    death_signal: signal.Signals = signal.SIGKILL,
) -> list[str]:
    """The argument list that launches `argv` through this script.

    `{name}` in an argument stands for the folder of that name. When the program runs as another
    `user`, the folder is opened before the change and handed over as a descriptor, so that
    folders above it (a clone in /root, mode 0700) need not be opened to that user.
    """
    folders = folders or {}
    places = {name: str(path) for name, path in folders.items()}
    launch = [sys.executable, "-I", "-S", __file__]
    launch += [f"--parent={os.getpid()}", f"--death-signal={int(death_signal)}"]
    if lock is not None:
        launch += [f"--lock={lock}"]
    if user is not None:
        launch += [f"--user={user}"]
        if Path("/proc/self/fd").is_dir():
            launch += [f"--folder={path}" for path in folders.values()]
            places = {
                name: f"/proc/self/fd/{FIRST_FOLDER_DESCRIPTOR + index}"
                for index, name in enumerate(folders)
            }
    for name, place in places.items():
        argv = [argument.replace(f"{{{name}}}", place) for argument in argv]
    return [*launch, "--", *argv]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--death-signal", type=int, required=True)
    parser.add_argument("--lock")
    parser.add_argument("--user")
    parser.add_argument("--folder", action="append", default=[])
    parser.add_argument("argv", nargs="+")
    options = parser.parse_args()
    for index, folder in enumerate(options.folder):
        opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        os.dup2(opened, FIRST_FOLDER_DESCRIPTOR + index, inheritable=True)
    if options.user:
        _become(options.user)
    if sys.platform == "linux":
        _die_with(options.parent, options.death_signal)
    if options.lock:
        _lock(options.lock)
    # Python ignores SIGPIPE, and whoever runs us in the background ignores SIGINT: both would
    # stay ignored in the program, which then could not be stopped by SIGINT.
    for reset in (signal.SIGPIPE, signal.SIGINT):
        signal.signal(reset, signal.SIG_DFL)
    try:
        os.execvp(options.argv[0], options.argv)  # noqa: S606 - that is what this script is for
    except OSError as error:
        sys.exit(f"{options.argv[0]} cannot be run ({error.strerror})")


def _lock(path: str) -> None:
    """The lock stays with the program across the exec, and the kernel gives it back at its end."""
    lock = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
    os.set_inheritable(lock, True)
    deadline = time.monotonic() + LOCK_TIMEOUT_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                sys.exit(f"{path} is still held by the process before; end that one first")
            time.sleep(LOCK_POLL_SECONDS)
        else:
            return


def _become(name: str) -> None:
    user = pwd.getpwnam(name)
    os.chdir("/")  # the present folder may be one that user cannot see
    os.environ["HOME"] = "/"
    os.setgroups([])
    os.setgid(user.pw_gid)
    os.setuid(user.pw_uid)


def _die_with(parent: int, death_signal: int) -> None:
    """Ask the kernel for `death_signal` when the thread that started us ends (kill -9 included).

    After the change of user, which would clear it. https://man7.org/linux/man-pages/man2/prctl.2.html
    """
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os.kill(os.getpid(), death_signal)


if __name__ == "__main__":
    main()
