"""Small real programs for the supervisor, and eyes for what became of them."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hotswap_site.embedded.child import Child

LIMIT_SECONDS = 60.0


def python_child(name: str, program: str, *arguments: object, **fields: Any) -> Child:
    argv = [sys.executable, "-I", "-S", "-u", "-c", program, *map(str, arguments)]
    return Child(name=name, argv=argv, **fields)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {LIMIT_SECONDS} s in vain until {what}"
        time.sleep(0.02)


def runs(pid: int) -> bool:
    """A zombie does not: it waits for its parent to notice, and does nothing any more."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def read_pid(path: Path) -> int:
    wait_until(lambda: path.exists() and path.read_text().endswith("\n"), f"{path} is written")
    return int(path.read_text())


# Writes its pid to the file it is given, and stays.
STAYS = """
import os, signal, sys
with open(sys.argv[1], "w") as file: print(os.getpid(), file=file)
while True: signal.pause()
"""

# The same, and will not be asked to go.
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n" + STAYS

# Has a child of its own, which ignores polite requests too.
FAMILY = """
import os, signal, sys
if os.fork() == 0:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open(sys.argv[2], "w") as file: print(os.getpid(), file=file)
    while True: signal.pause()
with open(sys.argv[1], "w") as file: print(os.getpid(), file=file)
while True: signal.pause()
"""

# Appends its name to a file when it is asked to end.
TELLS_ITS_END = """
import signal, sys
def end(signum, frame):
    with open(sys.argv[1], "a") as file: print(sys.argv[2], file=file)
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
print("ready")
while True: signal.pause()
"""
