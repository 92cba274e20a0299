"""One person's shell, with the command line in it."""

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.given.ended import Ended
from tests.system.fleet import Fleet, eventually

PROJECT = Path(__file__).resolve().parents[3]
PATIENCE_SECONDS = 120


@dataclass
class Running:
    process: "subprocess.Popen[str]"

    def ended(self) -> Ended:
        out, err = self.process.communicate(timeout=PATIENCE_SECONDS)
        return Ended(self.process.returncode, out, err)

    def interrupt(self) -> Ended:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.ended()


@dataclass
class CommandLine:
    """One person's shell: an environment, a home of their own."""

    program: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("HOTSWAP_", "XDG_", "DJANGO_"))
            and name not in {"TERM", "DATABASE_URL", "VALKEY_URL"}
        }
        return inherited | {"HOME": str(self.home)} | self.variables

    def start(self, *words: str, **variables: str) -> Running:
        process = subprocess.Popen(
            [str(self.program), *words],
            env=self.environment | variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return Running(process)

    def __call__(
        self, *words: str, code: int = 0, typed: str | None = None, **variables: str
    ) -> Ended:
        """`code` is how it must end."""
        done = subprocess.run(
            [str(self.program), *words],
            env=self.environment | variables,
            input=typed,
            stdin=subprocess.DEVNULL if typed is None else None,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return Ended(done.returncode, done.stdout, done.stderr)


def comes_to(fleet: Fleet, model: str, state: str) -> str:
    """Wait until the model's open swap is in this state; its id."""

    def look() -> str | None:
        open_swap = fleet.get(f"models/{model}")["open_swap"]
        if open_swap and fleet.get(f"swaps/{open_swap}")["state"] == state:
            return str(open_swap)
        return None

    return eventually(look, what=f"a swap of {model} in {state}")
