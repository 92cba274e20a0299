"""The command line as people install it: alone, in an environment of its own, as a process."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.system.cli.command_line import PROJECT, CommandLine
from tests.system.fleet import Fleet

# Who starts the tests in the background of a shell makes them deaf to Ctrl-C, and every process
# that they start; these tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="package")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`hotswap` in a fresh environment, without any package that only the server needs."""
    uv = shutil.which("uv") or str(PROJECT / ".tools" / "bin" / "uv")
    place = tmp_path_factory.mktemp("installed")
    for step in (
        ["venv", "--quiet", "--python", sys.executable, str(place)],
        ["pip", "install", "--quiet", "--python", str(place / "bin" / "python"), str(PROJECT)],
    ):
        subprocess.run([uv, *step], check=True, capture_output=True)
    return place / "bin" / "hotswap"


@pytest.fixture
def stranger(installed: Path, tmp_path: Path) -> CommandLine:
    """Somebody who has the command, and no login."""
    return CommandLine(installed, tmp_path)


@pytest.fixture
def hotswap(stranger: CommandLine, fleet: Fleet) -> CommandLine:
    """An administrator's."""
    stranger.variables = {
        "HOTSWAP_URL": fleet.stack.console_url,
        "HOTSWAP_TOKEN": fleet.tokens["administrator"],
    }
    return stranger
