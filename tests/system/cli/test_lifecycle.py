"""The handbook's lifecycle by command line: the very commands, on the real thing."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from hotswap_site.embedded.ports import free_port
from tests.documents import blocks
from tests.system.cli.command_line import PATIENCE_SECONDS, PROJECT, CommandLine
from tests.system.fleet import Fleet, eventually


def commands() -> list[str]:
    """What is typed in the transcript; a line that ends with a backslash goes on."""
    (transcript,) = blocks("console")
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", transcript, re.MULTILINE)


def run(script: str, hotswap: CommandLine, folder: Path) -> "subprocess.CompletedProcess[str]":
    """In a shell, as somebody in the check-out with the demo running."""
    path = f"{PROJECT / '.venv' / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=folder,
        env=hotswap.environment | {"PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_SECONDS,
        check=False,
    )


FIGURES = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}|[0-9a-f]{64}|\d+(?:[.:]\d+)*")
STATES = re.compile("NotStarted|LoadingNewVersion|Transitioning")


def shown() -> list[str]:
    """What the transcript shows between its commands, whole lines."""
    (transcript,) = blocks("console")
    unfolded = transcript.replace("\\\n", "")
    return [line for line in unfolded.splitlines() if line and not line.startswith("$ ")]


def shape(line: str) -> str:
    """A line without what differs from run to run: figures, the width of columns, and how far
    a swap had come when it was first looked at.
    """
    if line.startswith("swap "):
        line = STATES.sub("STATE", line)
    return " ".join(FIGURES.sub("#", line).split())


@pytest.fixture
def demo() -> Iterator[Path]:
    """`make demo` itself, with a home of its own; the folder that has it as `.hotswap`."""
    folder = Path(tempfile.mkdtemp(prefix="hotswap-demo-"))
    folder.chmod(0o755)  # Postgres may have to pass as another user
    ports = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HOTSWAP_", "DJANGO_"))
        and name not in {"DATABASE_URL", "VALKEY_URL"}
    }
    log = folder / "demo.log"
    with log.open("w") as written:
        process = subprocess.Popen(
            [sys.executable, "-m", "hotswap_site.embedded.demo"],
            cwd=PROJECT,
            env=inherited | ports | {"HOTSWAP_HOME": str(folder / ".hotswap")},
            stdin=subprocess.DEVNULL,
            stdout=written,
            stderr=subprocess.STDOUT,
        )
    try:
        card = folder / ".hotswap" / "demo.json"

        def ready() -> bool:
            assert process.poll() is None, log.read_text()
            return card.exists()

        eventually(ready, what="the demo has swapped once")
        yield folder
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
        assert not card.exists()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(PATIENCE_SECONDS)
        shutil.rmtree(folder, ignore_errors=True)


def test_the_lifecycle_is_as_the_readme_tells(stranger: CommandLine, demo: Path) -> None:
    url = json.loads((demo / ".hotswap" / "demo.json").read_text())["console_url"]
    lines = [f"echo {shlex.quote(f'$ {line}')}; {line}" for line in commands()]
    # Whatever it starts in the background ends with it.
    script = "trap 'kill $(jobs -p)' EXIT\n" + "\n".join(lines)
    script = script.replace("http://127.0.0.1:8000", url).replace("8003", str(free_port()))
    done = run(script, stranger, demo)
    print(done.stdout)
    assert done.returncode == 0, (done.stdout, done.stderr)
    told = {shape(line) for line in (done.stdout + done.stderr).splitlines()}
    assert shown()
    for line in shown():
        assert shape(line) in told, (line, done.stdout, done.stderr)


def test_the_pipelines_example_reads_the_exit_code(
    hotswap: CommandLine, fleet: Fleet, tmp_path: Path
) -> None:
    (script,) = [block for block in blocks("sh") if "hotswap swap" in block]
    new = fleet.other("iris")
    script = script.replace('"$VERSION"', new)
    done = run(script, hotswap, tmp_path)
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert fleet.serving("iris") == new
    missing = run(script.replace(f"iris {new}", "iris 9.9"), hotswap, tmp_path)
    assert missing.returncode == 4, (missing.stdout, missing.stderr)
