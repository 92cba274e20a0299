"""Valkey stands still: swaps are begun, promoted, rolled back and completed by Postgres alone."""

import os
import shutil
import signal
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.system.fleet import Fleet, eventually, running_fleet

QUIET_SECONDS = float(os.environ.get("HOTSWAP_QUIET_VALKEY_SECONDS", "15"))
MODELS = [f"quiet-{number}" for number in range(5)]
HOLD = {"steps": [{"setWeight": 50}, {"pause": {}}, {"setWeight": 75}, {"pause": {"duration": 2}}]}
# Generous: a command that waited for Valkey would not be answered at all.
ANSWERED_SECONDS = 15.0


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Fleet]:
    with running_fleet(workers=2) as running:
        sample = running.get("models/iris")["sample_request"]
        for name in MODELS:
            for repository in running.repositories.values():
                shutil.copytree(repository / "iris", repository / name)
            answer = running.api.post("models", json={"name": name, "sample_request": sample})
            assert answer.is_success, answer.text
            running.activate(name, "1.0")
        yield running


def _swap_all(fleet: Fleet, *, back: set[str], slowest: list[float]) -> None:
    """One swap of each model at once: promoted through its hold, or rolled back out of it."""

    def answered(call: Callable[[], httpx.Response]) -> None:
        began = time.monotonic()
        answer = call()
        slowest[0] = max(slowest[0], time.monotonic() - began)
        assert answer.status_code == 202, answer.text

    started = {}
    for name in MODELS:
        before = time.monotonic()
        started[name] = str(fleet.start_swap(name, strategy=HOLD)["id"])
        slowest[0] = max(slowest[0], time.monotonic() - before)
    for name, swap_id in started.items():

        def holds(swap_id: str = swap_id) -> bool:
            swap = fleet.get(f"swaps/{swap_id}")
            assert swap["phase"] != "completed", swap
            return bool(swap["weights"]["applied"] and 50 in swap["weights"]["applied"].values())

        eventually(holds, what=f"{name} holds at 50 %")
        command = "rollback" if name in back else "promote"
        answered(lambda swap_id=swap_id, command=command: fleet.command(swap_id, command))  # type: ignore[misc]
    for name, swap_id in started.items():
        fleet.finished(swap_id, "RolledBack" if name in back else "Completed")


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", ["stands still", "is away at the worker's start"])
def test_swaps_are_begun_promoted_rolled_back_and_completed(two_workers: Fleet, how: str) -> None:
    fleet = two_workers
    supervisor = fleet.stack.supervisor
    slowest = [0.0]
    with fleet.traffic(100, *MODELS) as traffic:
        supervisor.kill("valkey", signal.SIGSTOP)
        try:
            if how != "stands still":
                for worker in ("worker", "worker-2"):
                    starts = supervisor.starts(worker)
                    supervisor.kill(worker)
                    supervisor.wait_restarted(worker, starts)
            until = time.monotonic() + QUIET_SECONDS
            while True:
                _swap_all(fleet, back=set(MODELS[:2]), slowest=slowest)
                if time.monotonic() >= until:
                    break
            ready = httpx.get(f"{fleet.stack.console_url}/readyz", timeout=30, trust_env=False)
            assert ready.status_code == 200, ready.text
            assert ready.json()["parts"]["valkey"] == "does not answer"
            assert any("Valkey does not answer" in one for one in ready.json()["warnings"])
        finally:
            supervisor.kill("valkey", signal.SIGCONT)
        _swap_all(fleet, back=set(), slowest=slowest)

        def live_again() -> bool:
            model = fleet.get(f"models/{MODELS[0]}")
            counted = [version["in_flight"] for version in model["versions"] if version["weight"]]
            return counted != [] and None not in counted

        eventually(live_again, what="live figures again")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report
    assert slowest[0] < ANSWERED_SECONDS
    print(f"\nthe slowest command was answered after {slowest[0]:.2f} s")
