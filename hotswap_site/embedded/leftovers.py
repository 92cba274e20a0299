"""Ends what a killed run left behind, as far as it can be proven to be its own.

The kernel's parent-death signal and the guardian end the children of a supervisor that was
killed. When both failed (the guardian was killed too, a child stood still), their processes hold
ports and data, and the next start would have to give up. A child carries the mark of its
supervisor's folder in its environment, which only its own account can have put there.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from hotswap_site.embedded.errors import EmbeddedError

MARK = "HOTSWAP_SUPERVISED_IN"
# The guardian gives them eight seconds by itself.
GRACE_SECONDS = 10.0
KILL_SECONDS = 10.0
POLL_SECONDS = 0.05


def mark(folder: Path) -> dict[str, str]:
    """What a supervisor that keeps its logs in `folder` adds to each child's environment."""
    return {MARK: os.path.realpath(folder)}


def end_leftovers(folder: Path) -> list[int]:
    """End every process that a supervisor of `folder` started; only for whoever holds the home.

    Returns their ids. Empty where there is no /proc, and nothing can be proven. Raises
    EmbeddedError when one does not even end by SIGKILL.
    """
    found = dict.fromkeys(_marked(folder))
    for signum, patience_seconds in (
        (signal.SIGTERM, GRACE_SECONDS),
        (signal.SIGKILL, KILL_SECONDS),
    ):
        deadline = time.monotonic() + patience_seconds
        asked: set[int] = set()
        while left := _marked(folder):
            found |= dict.fromkeys(left)
            for pid in set(left) - asked:
                asked.add(pid)
                for one in (signum, signal.SIGCONT):  # one that was stopped would never see it
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, one)
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        else:
            return list(found)
    raise EmbeddedError(
        f"process {left[0]} of the run before does not end, not even by SIGKILL; end it first, "
        "or set HOTSWAP_HOME to another folder."
    )


def _marked(folder: Path) -> list[int]:
    wanted = f"{MARK}={os.path.realpath(folder)}".encode()
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        if entry.name == str(os.getpid()):
            continue
        try:
            # A zombie has no environment left, and one of another account shows us none.
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                pids.append(int(entry.name))
        except OSError:
            continue
    return pids
