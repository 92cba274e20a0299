"""The README's lifecycle by command line: the very commands, on the real thing."""

import json
import os
import re
import shlex
import subprocess
from pathlib import Path

from hotswap_site.embedded.ports import free_port
from tests.system.cli.conftest import PATIENCE_SECONDS, PROJECT, CommandLine
from tests.system.fleet import Fleet

README = (PROJECT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


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


def test_the_lifecycle_is_as_the_readme_tells(
    hotswap: CommandLine, fleet: Fleet, tmp_path: Path
) -> None:
    demo = tmp_path / ".hotswap"
    demo.mkdir()
    (demo / "models").symlink_to(fleet.repositories["alpha"])
    (demo / "demo.json").write_text(json.dumps({"api_token": fleet.tokens["administrator"]}))
    lines = [f"echo {shlex.quote(f'$ {line}')}; {line}" for line in commands()]
    # Whatever it starts in the background ends with it.
    script = "trap 'kill $(jobs -p)' EXIT\n" + "\n".join(lines)
    script = script.replace("http://127.0.0.1:8000", fleet.stack.console_url)
    script = script.replace("8003", str(free_port()))
    hotswap.variables = {}
    done = run(script, hotswap, tmp_path)
    print(done.stdout)
    assert done.returncode == 0, (done.stdout, done.stderr)
    for words in (
        "Completed: 1.0 serves flowers",
        "Completed: 1.1 serves flowers",
        "errors went up",
        "export-audit",
    ):
        assert words in done.stdout, done.stdout
    assert fleet.serving("flowers") == "1.0"


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
