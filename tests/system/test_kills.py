"""kill -9 of any control plane process, in mid-swap: the swap goes on, no request is lost."""

import pytest

from tests.system.fleet import Fleet, eventually

HOLD = {"steps": [{"setWeight": 50}, {"pause": {"duration": 2}}]}


@pytest.mark.parametrize("process", ["router", "worker", "console"])
def test_a_process_killed_while_traffic_is_split(fleet: Fleet, process: str) -> None:
    with fleet.traffic(100, "iris") as traffic:
        swap = fleet.start_swap("iris", strategy=HOLD)
        fleet.reaches(swap["id"], "Transitioning")
        _kill(fleet, process)
        fleet.finished(swap["id"], "Completed")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report


@pytest.mark.parametrize("process", ["router", "worker"])
def test_a_process_killed_while_the_new_version_loads(fleet: Fleet, process: str) -> None:
    with fleet.traffic(100, "iris") as traffic:
        swap = fleet.start_swap("slow")
        fleet.reaches(swap["id"], "LoadingNewVersion")
        _kill(fleet, process)
        fleet.finished(swap["id"], "Completed")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report


@pytest.mark.parametrize("moment", range(6))
def test_the_worker_killed_at_some_moment_of_a_quick_swap(fleet: Fleet, moment: int) -> None:
    """No state is waited for: over the runs, the kill hits load, switch, drain and unload."""
    old = fleet.serving("iris")
    with fleet.traffic(100, "iris") as traffic:
        swap = fleet.start_swap("iris")
        for _ in range(moment * 2):
            fleet.get(f"swaps/{swap['id']}")
        _kill(fleet, "worker")
        fleet.finished(swap["id"], "Completed")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report
    for host in fleet.hosts:

        def unloaded(host: str = host) -> bool:
            return bool(fleet.on_host(host, "iris", old)["state"] == "available")

        eventually(unloaded, what=f"{old} unloaded on {host}")


def _kill(fleet: Fleet, process: str) -> None:
    supervisor = fleet.stack.supervisor
    starts = supervisor.starts(process)
    supervisor.kill(process)
    supervisor.wait_restarted(process, starts)
