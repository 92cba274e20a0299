"""How the command line ends: a code for scripts, and a sentence for people."""

from collections.abc import Mapping
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    COMPLETED = 0  # what was asked is done
    FAILED = 1
    USAGE = 2
    ROLLED_BACK = 3
    REFUSED = 4
    CANCELLED = 5
    UNREACHABLE = 6
    UNAUTHENTICATED = 7
    HOLDS = 8  # --until hold: there it stands
    TIMED_OUT = 9  # --timeout: it is not over yet, and goes on


# How a swap ended → how the command that followed it ends.
OF_STATE: Mapping[str, ExitCode] = {
    "Completed": ExitCode.COMPLETED,
    "Failed": ExitCode.FAILED,
    "RolledBack": ExitCode.ROLLED_BACK,
    "Cancelled": ExitCode.CANCELLED,
}


class CommandError(Exception):
    """The command cannot be carried out; the message says why and what to do next."""

    exit_code = ExitCode.FAILED

    def __init__(self, message: str, *, problem: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        # The server's problem document (RFC 9457), when it gave one.
        self.problem = problem


class ServerFailed(CommandError):
    """The server answered that it is broken, or something that is no answer of Hotswap."""


class Misused(CommandError):
    """What was typed makes no sense, and the server was not asked."""

    exit_code = ExitCode.USAGE


class CommandRefused(CommandError):
    """The server understood, and does not do it: 4xx, or a model host that is away."""

    exit_code = ExitCode.REFUSED


class Unreachable(CommandError):
    exit_code = ExitCode.UNREACHABLE


class Unauthenticated(CommandError):
    """No token, or one that the server does not take (any more)."""

    exit_code = ExitCode.UNAUTHENTICATED
