"""Run as a program by test_supervisor_signals: a supervisor of its own, to be signalled.

Arguments: a folder, and the program each of its children runs. Its children: `stays` and one
whose forked process ignores SIGTERM. Exits with 42 when it was asked to stop.
"""

import signal
import sys
from pathlib import Path

from hotswap_site.embedded.child import StopStep
from hotswap_site.embedded.supervisor import StopRequested, Supervisor
from tests.integration.embedded.processes import FAMILY, STUBBORN, python_child


def main() -> None:
    folder, patience_seconds = Path(sys.argv[1]), float(sys.argv[2])
    stop = (StopStep(signal.SIGTERM, patience_seconds),)
    try:
        with Supervisor(folder, handle_signals=True) as supervisor:
            supervisor.start(python_child("stubborn", STUBBORN, folder / "stubborn", stop=stop))
            supervisor.start(
                python_child("family", FAMILY, folder / "parent", folder / "fork", stop=stop)
            )
            supervisor.say("all started")
            supervisor.wait()
    except StopRequested:
        sys.exit(42)


if __name__ == "__main__":
    main()
