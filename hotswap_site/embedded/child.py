"""What the supervisor must know of one child process."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class StopStep:
    """Send `signum`, and give the child `timeout_seconds` to end before the next step."""

    signum: signal.Signals
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Child:
    """One program to start, keep alive and end.

    `{name}` in `argv` stands for the folder of that name in `folders`; a child that runs as
    another `user` gets those folders even where that user could not walk to them.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    """Added to our own environment. Secrets belong here: argv is seen by every user."""
    cwd: Path | None = None
    user: str | None = None
    folders: Mapping[str, Path] = field(default_factory=dict)
    prepare: Callable[[], None] | None = None
    """Called before every start, the first one included; may raise EmbeddedError."""
    lock: Path | None = None
    """Held by the program from its first to its last moment, by whatever process started it:
    whoever has it knows that no earlier one runs any more."""
    ready: Callable[[], bool] | None = None
    """Asked again and again after every start; None means ready once it runs."""
    ready_timeout_seconds: float = 90.0
    restart: bool = True
    """Start it again when it ends by itself. A child that never was ready is not restarted."""
    stop: Sequence[StopStep] = (StopStep(signal.SIGTERM, 10.0),)
    """Tried in turn; SIGKILL follows by itself."""
    shown: bool = True
    """False keeps its output in its log file alone."""


@dataclass(frozen=True)
class Exit:
    """One process of a child, gone for good: reaped, and its process group is empty."""

    name: str
    pid: int
    returncode: int
    start: int = 1
    """The how manieth start of this child it was."""
    again: bool = False
    """Whether it will be started again."""

    @property
    def how(self) -> str:
        if self.returncode >= 0:
            return f"ended with code {self.returncode}"
        return f"was ended by {signal.Signals(-self.returncode).name}"
