"""`make demo ARGS=--once` stopped half-way does not pass for one that went well."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from hotswap_site.embedded.ports import free_port
from tests.integration.embedded.processes import LIMIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]


def test_once_says_by_its_exit_code_that_it_was_interrupted() -> None:
    home = Path(tempfile.mkdtemp(prefix="hotswap-once-"))
    home.chmod(0o755)  # Postgres may have to pass as another user
    ports = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    with subprocess.Popen(
        [sys.executable, "-m", "hotswap_site.embedded.demo", "--once"],
        cwd=ROOT,
        env=os.environ | ports | {"HOTSWAP_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        try:
            assert demo.stdout is not None
            assert any("starting Postgres" in line for line in demo.stdout)
            demo.send_signal(signal.SIGINT)
            demo.stdout.read()
            assert demo.wait(LIMIT_SECONDS) == 128 + signal.SIGINT
        finally:
            demo.kill()
            shutil.rmtree(home, ignore_errors=True)
