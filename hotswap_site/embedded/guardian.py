"""Run as a script: ends every child's process group when the supervisor vanished.

The kernel's parent-death signal reaches a child, not the workers that child forked, and not at
all on macOS. This process reads a pipe only the supervisor can write to: `+PGID SIGNAL` for a
group that began, `-PGID` for one that ended. When the pipe closes, whatever is left is ended.
Only the standard library: it starts without site-packages.
"""

import os
import signal
import sys
import time
from collections.abc import Collection

GRACE_SECONDS = 8.0


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        group, *signum = line[1:].split()
        if line.startswith("+"):
            groups[int(group)] = int(signum[0])
        else:
            groups.pop(int(group), None)
    for group, first_signal in groups.items():
        _signal(group, first_signal)
    deadline = time.monotonic() + GRACE_SECONDS
    while _any_alive(groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        _signal(group, signal.SIGKILL)


def _any_alive(groups: Collection[int]) -> bool:
    """Zombies do not count: under an init that reaps late or never they would hold us up."""
    if not os.path.isdir("/proc/self"):
        return any(_signal(group, 0) for group in groups)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat", errors="replace") as stat:
                state, _parent, group = stat.read().rpartition(")")[2].split()[:3]
        except OSError:  # it ended while we looked
            continue
        if int(group) in groups and state not in "ZX":
            return True
    return False


def _signal(group: int, signum: int) -> bool:
    """Whether there is still such a group."""
    try:
        os.killpg(group, signum)
    except ProcessLookupError:
        return False
    except PermissionError:  # macOS says this of a group that is all zombies
        return False
    return True


if __name__ == "__main__":
    main()
