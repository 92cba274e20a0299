"""Starts children in order, shows what they say, restarts what dies, and leaves nothing running."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self, TextIO

from hotswap_site.embedded import guardian, leftovers
from hotswap_site.embedded.child import Child, Exit
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.keeper import Keeper, State
from hotswap_site.embedded.output import Terminal
from hotswap_site.embedded.paths import make_folder


class StopRequested(BaseException):
    """SIGINT or SIGTERM came. Raised in the main thread, wherever it was waiting."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(f"{signum.name} received")
        self.signum = signum


class Supervisor:
    """`with Supervisor(logs) as sup: sup.start(child); sup.wait()`; leaving ends every child.

    `on_exit(Exit)` is called in a thread of its own each time one of a child's processes is gone
    for good, beside the start of the next: what serves may not wait for what tells of it. Ending
    the child waits for these calls, so that what was started before it is still there.
    With `handle_signals` (main thread only) the first SIGINT or SIGTERM raises StopRequested, and
    the second one hurries the ending.
    """

    def __init__(
        self,
        logs: Path,
        *,
        stream: TextIO | None = sys.stdout,
        on_exit: Callable[[Exit], None] | None = None,
        handle_signals: bool = False,
    ) -> None:
        self._logs = logs
        self._terminal = Terminal(stream)
        self._hook = on_exit
        self._handle_signals = handle_signals
        self._previous_handlers: dict[signal.Signals, object] = {}
        self._keepers: dict[str, Keeper] = {}
        self._hook_calls: dict[str, list[threading.Thread]] = {}
        self._held = contextlib.ExitStack()
        self._stopping = False
        self._hurry = threading.Event()
        self._guardian: subprocess.Popen[str] | None = None
        self._guardian_lock = threading.Lock()

    # -- life --

    def __enter__(self) -> Self:
        make_folder(self._logs)
        self._guardian = subprocess.Popen(
            [sys.executable, "-I", "-S", guardian.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd="/",
            start_new_session=True,
        )
        if self._handle_signals:
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._previous_handlers[signum] = signal.signal(signum, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True  # from here on a signal hurries instead of raising
        try:
            for keeper in reversed(self._keepers.values()):
                self._end(keeper)
        finally:
            self._held.close()
            self._end_guardian()
            for signum, handler in self._previous_handlers.items():
                signal.signal(signum, handler)  # type: ignore[arg-type]  # as signal() gave it

    def hold[T](self, context: contextlib.AbstractContextManager[T]) -> T:
        """Enter `context` now and leave it once every child has ended."""
        return self._held.enter_context(context)

    def say(self, sentence: str) -> None:
        """A line of our own among the children's."""
        self._terminal.say("hotswap", sentence)

    # -- children --

    def start(self, child: Child, *, wait: bool = True) -> None:
        """Start `child` and, unless told not to, wait until it is ready.

        Raises EmbeddedError with its last words when it ends, or is late, before it was ready.
        """
        if child.name in self._keepers:
            raise ValueError(f"a child called {child.name} was already started")
        keeper = Keeper(
            child,
            log_path=self._logs / f"{child.name}.log",
            mark=leftovers.mark(self._logs),
            terminal=self._terminal,
            guard=self._tell_guardian,
            on_exit=self._on_exit,
        )
        self._keepers[child.name] = keeper
        keeper.start()
        if wait:
            self.wait_ready(child.name)

    def wait_ready(self, name: str, *, timeout_seconds: float | None = None) -> None:
        """Wait until the child runs and is ready, be it after a restart.

        Raises EmbeddedError when it ended for good, or after `timeout_seconds`; without one
        the child's own limit counts.
        """
        keeper = self._keepers[name]
        in_time = keeper.wait_for(State.READY, State.ENDED, timeout_seconds=timeout_seconds)
        if not in_time:
            raise EmbeddedError(f"{name} is not ready after {timeout_seconds:g} s.")
        if keeper.state is State.ENDED and keeper.failure:
            raise EmbeddedError(keeper.failure)

    def wait_restarted(self, name: str, starts: int, *, timeout_seconds: float = 60.0) -> None:
        """Wait until the child was started more than `starts` times and is ready again."""
        deadline = time.monotonic() + timeout_seconds
        while self.starts(name) <= starts:
            if time.monotonic() > deadline:
                raise EmbeddedError(f"{name} was not started again within {timeout_seconds:g} s.")
            time.sleep(0.02)
        self.wait_ready(name, timeout_seconds=max(0.0, deadline - time.monotonic()))

    def wait_exit(self, name: str, *, timeout_seconds: float | None = None) -> Exit:
        """Wait until a child that is not restarted has ended, and say how."""
        keeper = self._keepers[name]
        if not keeper.wait_for(State.ENDED, timeout_seconds=timeout_seconds):
            raise EmbeddedError(f"{name} still runs after {timeout_seconds:g} s.")
        if keeper.last_exit is None:
            raise EmbeddedError(keeper.failure or f"{name} was never started.")
        return keeper.last_exit

    def wait(self) -> None:
        """Wait for SIGINT or SIGTERM, which end this call by StopRequested."""
        threading.Event().wait()

    def pid(self, name: str) -> int | None:
        """Its process id; None while it does not run."""
        return self._keepers[name].pid

    def starts(self, name: str) -> int:
        """How many times it was started so far."""
        return self._keepers[name].starts

    def kill(
        self, name: str, signum: signal.Signals = signal.SIGKILL, *, whole_group: bool = False
    ) -> int:
        """Send a signal to a child, which is restarted if it dies of it; returns the pid."""
        keeper = self._keepers[name]
        pid = keeper.pid
        if pid is None or not keeper.send(signum, whole_group=whole_group):
            raise EmbeddedError(f"{name} does not run, so it got no {signum.name}.")
        return pid

    def is_back(self, ended: Exit, *, timeout_seconds: float) -> bool:
        """Wait until a later process of that child is ready; False when none comes."""
        keeper = self._keepers.get(ended.name)
        return keeper is not None and keeper.is_back(ended, timeout_seconds=timeout_seconds)

    def stop(self, name: str) -> None:
        """End one child for good."""
        self._end(self._keepers.pop(name))

    # -- inside --

    def _on_signal(self, signum: int, frame: FrameType | None) -> None:
        if self._stopping:
            self._hurry.set()
            return
        self._stopping = True
        raise StopRequested(signal.Signals(signum))

    def _end(self, keeper: Keeper) -> None:
        keeper.stop(self._hurry)
        for call in self._hook_calls.pop(keeper.child.name, []):
            call.join()

    def _on_exit(self, ended: Exit) -> None:
        if self._hook is None:
            return
        call = threading.Thread(target=self._call_hook, args=(self._hook, ended), daemon=True)
        calls = self._hook_calls.get(ended.name, [])
        self._hook_calls[ended.name] = [*(c for c in calls if c.is_alive()), call]
        call.start()

    def _call_hook(self, hook: Callable[[Exit], None], ended: Exit) -> None:
        try:
            hook(ended)
        except Exception as error:  # it must not end the supervision
            self.say(f"the hook for the end of {ended.name} failed: {error!r}")

    def _tell_guardian(self, line: str) -> None:
        if self._guardian is None or self._guardian.stdin is None:
            raise RuntimeError("a supervisor starts children only inside its with-block")
        with self._guardian_lock:
            try:
                self._guardian.stdin.write(line)
                self._guardian.stdin.flush()
            except BrokenPipeError:
                # Somebody killed it. We still end our children ourselves in every other case.
                self.say("the guardian process is gone; after kill -9 children may be left")

    def _end_guardian(self) -> None:
        if self._guardian is not None and self._guardian.stdin is not None:
            self._guardian.stdin.close()
            self._guardian.wait()
            self._guardian = None
