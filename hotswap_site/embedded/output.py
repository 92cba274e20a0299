"""What children say: on the terminal with a prefix a child, and in one bounded file a child."""

import os
import threading
from pathlib import Path
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)  # ANSI foregrounds that read on both grounds
PREFIX_WIDTH = 9
LOG_FILE_BYTES = 10_000_000  # the file and one older one a child: a loop of errors fills no disk


class Terminal:
    """Whole lines from many threads, each with its speaker's prefix. Silent without a stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._lock = threading.RLock()
        self._colours: dict[str, int] = {}
        self._coloured = stream is not None and stream.isatty() and not os.environ.get("NO_COLOR")

    def say(self, speaker: str, line: str) -> None:
        if self._stream is None:
            return
        with self._lock:
            colour = self._colours.setdefault(speaker, COLOURS[len(self._colours) % len(COLOURS)])
            prefix = f"{speaker:<{PREFIX_WIDTH}} |"
            if self._coloured:
                prefix = f"\x1b[{colour}m{prefix}\x1b[0m"
            try:
                self._stream.write(f"{prefix} {line}\n")
                self._stream.flush()
            except (BrokenPipeError, ValueError):
                # Whoever read us has gone (`make demo | head`). Children must not stall on it.
                self._stream = None


class LogFile:
    """A child's output, kept to `LOG_FILE_BYTES` in `NAME.log` and as much in `NAME.log.1`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def write(self, line: bytes) -> None:
        if self._file.tell() + len(line) > LOG_FILE_BYTES:
            self._file.close()
            self._path.replace(self._path.with_suffix(".log.1"))
            self._file = self._path.open("ab", buffering=0)
        self._file.write(line)

    def close(self) -> None:
        self._file.close()
