"""The README's example for pipelines: the very lines, on the real thing."""

import os
import re
import subprocess
from pathlib import Path

from tests.system.cli.conftest import PATIENCE_SECONDS, PROJECT, CommandLine
from tests.system.fleet import Fleet

README = (PROJECT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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
