"""One child's life: start, wait until ready, read what it says, bury it, start it again."""

import contextlib
import enum
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path

from hotswap_site.embedded import launch
from hotswap_site.embedded.child import Child, Exit
from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.output import LogFile, Terminal

FIRST_BACK_OFF_SECONDS = 0.2
LAST_BACK_OFF_SECONDS = 10.0
# Lived this long: the next death begins at the first back-off again. Short, because a router or
# a console that is killed every minute must not stay away the longer for it.
HEALTHY_AFTER_SECONDS = 5.0
READY_POLL_SECONDS = 0.03
HURRIED_STEP_SECONDS = 0.5
LAST_WORDS = 3
LINE_BYTES = 64 * 1024


class State(enum.Enum):
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    ENDED = "ended"


class Keeper:
    """The threads of one child. Public methods may be called from any thread."""

    def __init__(
        self,
        child: Child,
        *,
        log_path: Path,
        mark: Mapping[str, str],
        terminal: Terminal,
        guard: Callable[[str], None],
        on_exit: Callable[[Exit], None],
    ) -> None:
        self.child = child
        self.starts = 0
        self.failure: str | None = None
        self.last_exit: Exit | None = None
        self._mark = mark
        self._terminal = terminal
        self._guard = guard
        self._on_exit = on_exit
        self._log = LogFile(log_path)
        self._log_path = log_path
        self._changed = threading.Condition(threading.RLock())
        self._state = State.STARTING
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._was_ready = False
        self._last_words: deque[str] = deque(maxlen=LAST_WORDS)
        # One thread for all starts, alive until the last process is buried: the kernel's
        # parent-death signal fires when the *thread* that forked ends.
        self._thread = threading.Thread(target=self._run, name=f"keeper {child.name}", daemon=True)

    # -- asked from outside --

    def start(self) -> None:
        self._thread.start()

    @property
    def pid(self) -> int | None:
        with self._changed:
            return self._process.pid if self._process else None

    @property
    def state(self) -> State:
        with self._changed:
            return self._state

    def wait_for(self, *states: State, timeout_seconds: float | None) -> bool:
        """Wait until the child is in one of `states`; False when the time is over."""
        with self._changed:
            return self._changed.wait_for(lambda: self._state in states, timeout_seconds)

    def is_back(self, ended: Exit, *, timeout_seconds: float) -> bool:
        """Wait until a later process than `ended` is ready; False when none comes."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._state is State.ENDED or self._is_later(ended), timeout_seconds
            )
            return self._is_later(ended)

    def _is_later(self, ended: Exit) -> bool:
        return self._state is State.READY and self.starts > ended.start

    def send(self, signum: signal.Signals, *, whole_group: bool = False) -> bool:
        """Send a signal to the child; False when it does not run just now."""
        with self._changed:  # held while reaping too, so the pid cannot be another's by now
            if self._process is None:
                return False
            (os.killpg if whole_group else os.kill)(self._process.pid, signum)
            return True

    def stop(self, hurry: threading.Event) -> None:
        """End the child by its stop steps, then by SIGKILL. `hurry` shortens every wait."""
        self._stopping.set()
        if not self._thread.is_alive():
            return
        for step in self.child.stop:
            self.send(step.signum)
            self.send(signal.SIGCONT)  # a child that was stopped would never see the signal
            if self._wait_ended(step.timeout_seconds, hurry):
                return
        if self.send(signal.SIGKILL, whole_group=True):
            self._say("did not stop when asked, so it was killed")
        self._thread.join()

    def _wait_ended(self, timeout_seconds: float, hurry: threading.Event) -> bool:
        began = time.monotonic()
        while self._thread.is_alive():
            limit = HURRIED_STEP_SECONDS if hurry.is_set() else timeout_seconds
            if time.monotonic() - began > limit:
                return False
            self._thread.join(0.05)
        return True

    # -- the keeper's thread --

    def _run(self) -> None:
        back_off_seconds = FIRST_BACK_OFF_SECONDS
        try:
            while not self._stopping.is_set():
                began = time.monotonic()
                how = self._live_once()
                if self._stopping.is_set():
                    return
                if not self._was_ready:
                    self.failure = self.failure or f"{self.child.name} {how}{self._quoted()}"
                    return
                if not self.child.restart:
                    return
                if time.monotonic() - began > HEALTHY_AFTER_SECONDS:
                    back_off_seconds = FIRST_BACK_OFF_SECONDS
                self._say(f"{how}; starting it again in {back_off_seconds:g} s")
                self._set_state(State.BACKING_OFF)
                self._stopping.wait(back_off_seconds)
                back_off_seconds = min(back_off_seconds * 2, LAST_BACK_OFF_SECONDS)
        finally:
            self._log.close()
            self._set_state(State.ENDED)

    def _live_once(self) -> str:
        """One process from start to burial; returns how it ended, in words."""
        pump = None
        try:
            if self.child.prepare:
                self.child.prepare()
            process = self._spawn()
        except (EmbeddedError, OSError) as error:
            if not self._was_ready:
                self.failure = str(error)
            return f"could not be started: {error}"
        if process is None:
            return "was not started"
        pump = threading.Thread(target=self._pump, args=(process,), daemon=True)
        pump.start()
        try:
            self._await_ready(process)
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        finally:
            ended = self._bury(process, pump)
        self._on_exit(ended)
        return ended.how

    def _spawn(self) -> subprocess.Popen[bytes] | None:
        child = self.child
        with self._changed:
            if self._stopping.is_set():
                return None
            self._process = subprocess.Popen(
                launch.command(
                    child.argv,
                    user=child.user,
                    folders=child.folders,
                    lock=child.lock,
                    death_signal=self._first_signal,
                ),
                env={**os.environ, **child.env, **self._mark},
                cwd=child.cwd,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._guard(f"+{self._process.pid} {int(self._first_signal)}\n")
            self.starts += 1
            self._last_words.clear()
            self._set_state(State.STARTING)
            return self._process

    @property
    def _first_signal(self) -> signal.Signals:
        return self.child.stop[0].signum if self.child.stop else signal.SIGKILL

    def _await_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self.child.ready_timeout_seconds
        late = False
        while not _has_ended(process):
            if self.child.ready is None or self.child.ready():
                self._was_ready = True
                self._set_state(State.READY)
                return
            if time.monotonic() > deadline and not late:
                late = True
                sentence = f"is not ready after {self.child.ready_timeout_seconds:g} s"
                self._say(f"{sentence}; still waiting (see {self._log_path})")
                if not self._was_ready:
                    self.failure = f"{self.child.name} {sentence}{self._quoted()}"
                    self.send(signal.SIGKILL, whole_group=True)
            if self._stopping.wait(READY_POLL_SECONDS):
                return

    def _bury(self, process: subprocess.Popen[bytes], pump: threading.Thread) -> Exit:
        """Reap the process and whatever is left of its group."""
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        with self._changed:
            # Before reaping: until then neither the pid nor the group's number can be reused.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            returncode = process.wait()
            self._process = None
            self._guard(f"-{process.pid}\n")
        pump.join(timeout=2)  # a process that left the group may hold the pipe for ever
        again = self.child.restart and self._was_ready and not self._stopping.is_set()
        self.last_exit = Exit(self.child.name, process.pid, returncode, self.starts, again)
        return self.last_exit

    def _pump(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        with process.stdout as lines:
            for line in iter(lambda: lines.readline(LINE_BYTES), b""):
                with contextlib.suppress(ValueError):  # the keeper closed the log before us
                    self._log.write(line)
                text = line.decode(errors="replace").rstrip()
                if text:
                    self._last_words.append(text)
                    if self.child.shown:
                        self._terminal.say(self.child.name, text)

    def _quoted(self) -> str:
        words = " / ".join(self._last_words)
        return f", its last words: {words}" if words else f" (see {self._log_path})"

    def _say(self, sentence: str) -> None:
        self._terminal.say("hotswap", f"{self.child.name} {sentence}")

    def _set_state(self, state: State) -> None:
        with self._changed:
            self._state = state
            self._changed.notify_all()


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Without reaping it: the pid must stay ours until the group is swept."""
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
