"""Processes that die or stand still in mid-swap, data stores too: the swap goes on."""

import time

import httpx
import pytest

from tests.system.faults.hits import standing_still
from tests.system.fleet import Fleet, TrafficClient, eventually

HOLD = {"steps": [{"setWeight": 50}, {"pause": {"duration": 3}}]}


def _split_traffic(fleet: Fleet) -> str:
    swap = fleet.start_swap("iris", strategy=HOLD)
    fleet.reaches(swap["id"], "Transitioning")
    return str(swap["id"])


def _completes(fleet: Fleet, swap_id: str, traffic: TrafficClient) -> None:
    """While Postgres is away the API answers 5xx: what counts is where it ends."""

    def look() -> str | None:
        try:
            answer = fleet.api.get(f"swaps/{swap_id}")
        except httpx.TransportError:
            return None
        if answer.status_code != 200 or answer.json()["phase"] != "completed":
            return None
        return str(answer.json()["state"])

    assert eventually(look, what=f"end of swap {swap_id}") == "Completed"
    traffic.flows_on()
    report = traffic.report()
    assert report["failed"] == 0, report


@pytest.mark.parametrize("store", ["valkey", "postgres"])
def test_a_store_killed_in_mid_swap(fleet: Fleet, store: str) -> None:
    with fleet.traffic(100, "iris") as traffic:
        swap_id = _split_traffic(fleet)
        supervisor = fleet.stack.supervisor
        starts = supervisor.starts(store)
        supervisor.kill(store)
        supervisor.wait_restarted(store, starts)
        _completes(fleet, swap_id, traffic)


@pytest.mark.parametrize("process", ["worker", "router", "console", "valkey", "postgres"])
def test_a_process_that_stands_still_for_a_while(fleet: Fleet, process: str) -> None:
    with fleet.traffic(100, "iris") as traffic:
        swap_id = _split_traffic(fleet)
        pid = fleet.stack.supervisor.pid(process)
        assert pid is not None
        with standing_still(pid):
            # Longer than the hold: what is due comes due while it stands still.
            time.sleep(5)
        _completes(fleet, swap_id, traffic)


def test_a_host_that_restarts_empty_is_loaded_again(fleet: Fleet) -> None:
    version = fleet.serving("iris")
    with fleet.traffic(100, "iris") as traffic:
        supervisor = fleet.stack.supervisor
        starts = supervisor.starts("beta")
        supervisor.kill("beta")
        supervisor.wait_restarted("beta", starts)

        def loaded_again() -> bool:
            return bool(fleet.on_host("beta", "iris", version)["state"] == "ready")

        eventually(loaded_again, what=f"iris {version} on beta again")
        traffic.flows_on()
        since = time.time_ns()
        traffic.flows_on()
        # While it was down, calls that ran on it were lost with it; no others, and none since.
        assert traffic.report(after_ns=since)["failed"] == 0


def test_an_envoy_that_dies_is_reaped_and_holds_up_no_swap(fleet: Fleet) -> None:
    supervisor = fleet.stack.supervisor
    starts = supervisor.starts("edge-1")
    supervisor.kill("edge-1")
    supervisor.wait_restarted("edge-1", starts)

    def reaped() -> bool:
        nodes = fleet.get("router")["nodes"]
        return [node["state"] for node in nodes if node["state"] != "reaped"] == ["connected"]

    eventually(reaped, what="one connected node, the dead one reaped")
    eventually(lambda: fleet.infer("iris").status_code == 200, what="answers again")
    swap = fleet.start_swap("iris")
    fleet.finished(swap["id"], "Completed")
