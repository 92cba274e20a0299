"""A hundred models swapped at once on two small workers, since waiting holds no worker."""

import os
import shutil
import time
from collections.abc import Iterator

import pytest

from tests.system.fleet import Fleet, eventually, running_fleet

MODELS = int(os.environ.get("HOTSWAP_TEST_MANY_MODELS", "100"))


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Fleet]:
    with running_fleet(workers=2) as running:
        yield running


def _peak_memory_mb(pid: int | None) -> int:
    """The most that the process had resident since it was started."""
    with open(f"/proc/{pid}/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024)


@pytest.mark.timeout(900)
def test_a_hundred_swaps_of_a_hundred_models_at_once(two_workers: Fleet) -> None:
    fleet = two_workers
    names = [f"m-{number}" for number in range(MODELS)]
    sample = fleet.get("models/iris")["sample_request"]
    for name in names:
        for repository in fleet.repositories.values():
            shutil.copytree(repository / "iris", repository / name)
        assert fleet.api.post("models", json={"name": name, "sample_request": sample}).is_success
    activations = [fleet.api.post(f"models/{n}/versions/1.0/activate").json()["id"] for n in names]
    _all_end(fleet, activations)
    with fleet.traffic(100, *names[:10]) as traffic:
        began = time.monotonic()
        swaps = [
            fleet.start_swap(name, from_version="1.0", to_version="1.1")["id"] for name in names
        ]
        _all_end(fleet, swaps)
        seconds = time.monotonic() - began
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report
    for name in names:
        assert fleet.get(f"models/{name}")["route"]["weights"] == {"1.1": 100}
    supervisor = fleet.stack.supervisor
    memory = {
        name: _peak_memory_mb(supervisor.pid(name))
        for name in ("worker", "worker-2", "router", "console", "edge-1")
    }
    # Shown with -s: figures for whoever plans capacity, no limits of a test.
    print(
        f"\n{MODELS} swaps of {MODELS} models at once on two workers: all completed after "
        f"{seconds:.1f} s; {report['sent']} calls meanwhile, {report['failed']} failed; most "
        f"memory in MB: {', '.join(f'{name} {mb}' for name, mb in memory.items())}"
    )


def _all_end(fleet: Fleet, swaps: list[str]) -> None:
    left = set(swaps)

    def none_left() -> bool:
        for swap_id in sorted(left):
            swap = fleet.get(f"swaps/{swap_id}")
            if swap["phase"] != "completed":
                return False
            assert swap["state"] == "Completed", swap
            left.discard(swap_id)
        return True

    eventually(none_left, what="all swaps completed", seconds=600)
