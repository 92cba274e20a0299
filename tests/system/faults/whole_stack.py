"""`make demo` as a fleet: what is hit here is the supervisor, and with it every process at once."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx

from hotswap_site.embedded.errors import EmbeddedError
from hotswap_site.embedded.paths import (
    HotswapHome,
    default_database_url,
    default_valkey_url,
)
from hotswap_site.embedded.ports import free_port
from hotswap_site.embedded.stack import PROJECT, Stack
from hotswap_site.embedded.supervisor import Supervisor
from tests.system.faults.hits import STILL_SECONDS
from tests.system.fleet import Fleet, eventually

START_SECONDS = 240.0


class WholeStack:
    """Its own process, which can be killed and started again on the same home."""

    def __init__(self, folder: Path) -> None:
        self.home = HotswapHome(folder)
        self.console_port, self.router_port = free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._log = folder / "demo.log"

    def start(self) -> dict[str, Any]:
        """Until it has written its card; returns that."""
        card = self.home.path / "demo.json"
        card.unlink(missing_ok=True)
        # A swap of its own, where ours has ended, would be the right end of neither.
        alone = ["--no-traffic", "--no-swap"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hotswap_site.embedded.demo", *alone],
                env={
                    **_without_ours(),
                    "HOTSWAP_HOME": str(self.home.path),
                    "HOTSWAP_CONSOLE_PORT": str(self.console_port),
                    "HOTSWAP_ROUTER_PORT": str(self.router_port),
                },
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

        def written() -> bool:
            assert self._process is not None
            code = self._process.poll()
            assert code is None, f"the demo ended with {code}: {self.last_words()}"
            return card.exists()

        eventually(written, what="the demo is up", seconds=START_SECONDS)
        found: dict[str, Any] = json.loads(card.read_text())
        return found

    def last_words(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(90)
            except subprocess.TimeoutExpired:
                self.kill()


@contextlib.contextmanager
def whole_stack() -> Iterator[tuple[Fleet, WholeStack]]:
    folder = Path(tempfile.mkdtemp(prefix="hotswap-faults-"))
    folder.chmod(0o755)
    whole = WholeStack(folder)
    aside = HotswapHome(Path(tempfile.mkdtemp(prefix="hotswap-calls-")))
    aside.create()
    try:
        card = whole.start()
        # The clients are not part of it: they live on when it dies.
        with Supervisor(aside.logs, stream=None) as supervisor:
            stack = Stack(aside, supervisor, whole.console_port, whole.router_port)
            stack.env = {
                "DATABASE_URL": default_database_url(whole.home),
                "VALKEY_URL": default_valkey_url(whole.home),
                "HOTSWAP_HOME": str(whole.home.path),
                "DJANGO_SETTINGS_MODULE": "hotswap_site.settings",
            }
            with httpx.Client(
                base_url=f"{stack.console_url}/api/v1/", timeout=30, trust_env=False
            ) as api:
                fleet = Fleet(stack, _hosts(whole.home), {}, api, {})
                _sign_in(fleet, card)
                yield fleet, whole
    finally:
        whole.end()
        for place in (folder, aside.path):
            shutil.rmtree(place, ignore_errors=True)


def killed_and_started_again(
    whole: WholeStack,
) -> Callable[[Fleet, Callable[[], None]], None]:
    def hit(fleet: Fleet, let_go: Callable[[], None]) -> None:
        whole.kill()
        let_go()
        _sign_in(fleet, whole.start())

    return hit


def stood_still(whole: WholeStack) -> Callable[[Fleet, Callable[[], None]], None]:
    """The supervisor alone: its children go on."""

    def hit(fleet: Fleet, let_go: Callable[[], None]) -> None:
        os.kill(whole.pid, signal.SIGSTOP)
        try:
            time.sleep(1)
            let_go()
            time.sleep(STILL_SECONDS - 1)
        finally:
            os.kill(whole.pid, signal.SIGCONT)

    return hit


def _without_ours() -> dict[str, str]:
    """The tests' own servers are not the demo's."""
    ours = ("HOTSWAP_", "DATABASE_URL", "VALKEY_URL")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)}


def _sign_in(fleet: Fleet, card: dict[str, Any]) -> None:
    """Each start of the demo makes a token anew."""
    fleet.api.headers["authorization"] = f"Bearer {card['api_token']}"


def _hosts(home: HotswapHome) -> dict[str, dict[str, str]]:
    found = {}
    for path in sorted((home.path / "hosts").glob("*.json")):
        place = json.loads(path.read_text())
        found[path.stem] = {
            "name": path.stem,
            "url": f"http://127.0.0.1:{place['port']}",
            "control_token": place["token"],
        }
    if not found:
        raise EmbeddedError(f"no host was ever started in {home.path}")
    return found
