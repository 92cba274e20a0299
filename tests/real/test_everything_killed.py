"""kill -9 of everything in mid-swap, then the demo again: the swap ends by itself.

HOTSWAP_TEST_WHOLE_KILLS says how often, each time at another moment of the swap.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from hotswap_site.embedded.leftovers import MARK
from hotswap_site.embedded.ports import free_port
from tests.system.fleet import eventually

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("HOTSWAP_TEST_WHOLE_KILLS", "2"))
# A first start migrates a new database: minutes, on a machine that does other things.
START_SECONDS = 900.0
CANARY = {
    "strategy": {"steps": [{"setWeight": 25}, {"pause": {"duration": 3}}]},
    "keep_warm_seconds": 4,
}
# The demo goes on with a swap of iris, which it would have swapped itself; one of another model
# goes on beside it.
MOMENTS = (
    ("iris", "Transitioning"),
    ("slow", "LoadingNewVersion"),
    ("iris", "OldVersionDraining"),
    ("slow", "Transitioning"),
    ("iris", "NotStarted"),  # or what follows it: whatever is hit
)
END_STATES = ("Completed", "Failed", "RolledBack", "Cancelled")


class Run:
    """One `make demo` on a home."""

    def __init__(self, home: Path, ports: dict[str, str]) -> None:
        self.home = home
        self.output = home.parent / f"{home.name}.out"
        with self.output.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "hotswap_site.embedded.demo"],
                cwd=ROOT,
                env={
                    **{k: v for k, v in os.environ.items() if k not in OF_THE_TESTS},
                    **ports,
                    "HOTSWAP_HOME": str(home),
                    "HOTSWAP_RECONCILE_SECONDS": "2",
                },
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def card(self) -> dict[str, Any]:
        """Wait until it is up, its own swap done."""
        path = self.home / "demo.json"

        def look() -> dict[str, Any] | None:
            assert self.process.poll() is None, self.output.read_text()[-4000:]
            with suppress(OSError, ValueError):
                found: dict[str, Any] = json.loads(path.read_text())
                return found if found["pid"] == self.process.pid else None
            return None

        return eventually(look, what="the demo is up", seconds=START_SECONDS)

    def kill_everything(self) -> None:
        """Supervisor, guardian, children: no one is left to tidy up after another."""
        if self.process.poll() is None:  # or else it starts children again meanwhile
            self.process.send_signal(signal.SIGSTOP)
        for pid in (*_marked(self.home), *_children(self.process.pid), self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait()


# The tests' own servers are not the demo's.
OF_THE_TESTS = ("DATABASE_URL", "VALKEY_URL", "HOTSWAP_OWNER_DATABASE_URL")


@contextmanager
def a_home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="hotswap-whole-"))
    home = folder / "home"
    home.mkdir()
    for path in (folder, home):
        path.chmod(0o755)  # Postgres may have to pass as another user
    try:
        yield home
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.timeout(START_SECONDS * (KILLS + 2))
def test_everything_killed_in_mid_swap_and_started_again_ends_the_swap() -> None:
    ports = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    with a_home() as home:
        run = Run(home, ports)
        try:
            for turn in range(KILLS):
                with _api(run.card()) as api:
                    model, moment = MOMENTS[turn % len(MOMENTS)]
                    swap = _begin_swap(api, model)
                    if moment != "NotStarted":
                        _reaches(api, swap["id"], moment)
                run.kill_everything()
                run = Run(home, ports)
                with _api(run.card()) as api:
                    done = _ended(api, swap["id"])
                    # The engine judges by what it finds after the outage, and once the swap is
                    # over the demo may have begun its own.
                    assert done["end_time"], (turn, done)
                    weights = _get(api, f"models/{model}")["route"]["weights"]
                    assert sum(weights.values()) == 100, (turn, done, weights)
                    print(f"turn {turn}: {model} hit in {moment}: {done['state']}")
                    _answers(run.card(), model)
        finally:
            run.kill_everything()


@pytest.mark.timeout(START_SECONDS * 3)
def test_the_supervisor_killed_alone_leaves_a_home_that_starts_again() -> None:
    ports = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    with a_home() as home:
        run = Run(home, ports)
        try:
            with _api(run.card()) as api:
                swap = _begin_swap(api, "iris")
                _reaches(api, swap["id"], "Transitioning")
            run.process.kill()
            run.process.wait()
            # At once: what the guardian still ends is not taken for somebody else's.
            run = Run(home, ports)
            with _api(run.card()) as api:
                _ended(api, swap["id"])
                nodes = _get(api, "router")["nodes"]
                assert [node["state"] for node in nodes if node["required"]] == ["connected"]
        finally:
            run.kill_everything()


@pytest.mark.timeout(START_SECONDS * 3)
def test_a_second_run_on_a_home_that_runs_is_refused_and_harms_nothing() -> None:
    ports = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    others = {"HOTSWAP_CONSOLE_PORT": str(free_port()), "HOTSWAP_ROUTER_PORT": str(free_port())}
    with a_home() as home:
        run = Run(home, ports)
        try:
            card = run.card()
            second = subprocess.run(
                [sys.executable, "-m", "hotswap_site.embedded.demo", "--once"],
                cwd=ROOT,
                env=os.environ | others | {"HOTSWAP_HOME": str(home)},
                capture_output=True,
                text=True,
                timeout=START_SECONDS,
                check=False,
            )
            assert second.returncode == 1
            assert f"is already run by process {run.process.pid}" in second.stderr
            _answers(card, "iris")
            assert run.process.poll() is None
        finally:
            run.kill_everything()


def _api(card: dict[str, Any]) -> httpx.Client:
    return httpx.Client(
        base_url=f"{card['console_url']}/api/v1/",
        headers={"authorization": f"Bearer {card['api_token']}"},
        timeout=30,
        trust_env=False,
    )


def _get(api: httpx.Client, path: str) -> dict[str, Any]:
    answer = api.get(path)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _begin_swap(api: httpx.Client, model: str) -> dict[str, Any]:
    eventually(lambda: _get(api, f"models/{model}")["open_swap"] is None, what="no open swap")
    (old,) = _get(api, f"models/{model}")["route"]["weights"]
    new = "1.1" if old == "1.0" else "1.0"
    body = {"model_name": model, "from_version": old, "to_version": new, **CANARY}
    answer = api.post("swaps", json=body)
    assert answer.status_code == 202, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _reaches(api: httpx.Client, swap_id: str, state: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    while (swap := _get(api, f"swaps/{swap_id}"))["state"] != state:
        assert swap["state"] not in END_STATES, swap
        waits = (swap["state"], swap["waiting_for"])
        assert time.monotonic() < deadline, f"swap {swap_id} is not in {state} but {waits}"
        time.sleep(0.02)


def _ended(api: httpx.Client, swap_id: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        swap = _get(api, f"swaps/{swap_id}")
        return swap if swap["state"] in END_STATES else None

    return eventually(look, what=f"end of swap {swap_id}", seconds=START_SECONDS)


def _answers(card: dict[str, Any], model: str) -> None:
    body = _sample(card, model)
    answer = httpx.post(
        f"{card['router_url']}/v2/models/{model}/infer", json=body, timeout=60, trust_env=False
    )
    assert answer.status_code == 200, answer.text


def _sample(card: dict[str, Any], model: str) -> Any:
    with _api(card) as api:
        return _get(api, f"models/{model}")["sample_request"]


def _marked(home: Path) -> list[int]:
    """Children of the home's supervisor, and theirs."""
    wanted = f"{MARK}={os.path.realpath(home / 'logs')}".encode()
    pids = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                pids.append(int(entry.name))
    return pids


def _children(parent: int) -> list[int]:
    """Its guardian is among them."""
    return [
        int(pid)
        for task in Path(f"/proc/{parent}/task").glob("*/children")
        for pid in task.read_text().split()
    ]
