"""One of two workers stands still at some moment of a swap, and wakes when others are far on."""

import signal
from collections.abc import Iterator

import pytest

from tests.system.fleet import Fleet, eventually, running_fleet

HOLD = {"steps": [{"setWeight": 50}, {"pause": {}}]}


@pytest.fixture(scope="module")
def two_workers() -> Iterator[Fleet]:
    with running_fleet(workers=2) as running:
        yield running


@pytest.mark.parametrize("moment", range(6))
def test_it_wakes_after_its_swap_was_finished_and_a_new_one_began(
    two_workers: Fleet, moment: int
) -> None:
    """No state is waited for: over the runs, the stop hits load, switch, drain and unload, or a
    transaction, whose locks Postgres takes from it.
    """
    fleet = two_workers
    old, new = fleet.serving("iris"), fleet.other("iris")
    stopped = "worker" if moment % 2 else "worker-2"
    with fleet.traffic(100, "iris") as traffic:
        swap = fleet.start_swap("iris")
        for _ in range(moment):
            fleet.get(f"swaps/{swap['id']}")
        fleet.stack.supervisor.kill(stopped, signal.SIGSTOP)
        try:
            fleet.finished(swap["id"], "Completed")
            back = fleet.start_swap("iris", strategy=HOLD)
            assert (back["from_version"], back["to_version"]) == (new, old)
            fleet.reaches(back["id"], "Transitioning")
        finally:
            fleet.stack.supervisor.kill(stopped, signal.SIGCONT)
        traffic.flows_on()
        assert fleet.command(back["id"], "promote").status_code == 202
        fleet.finished(back["id"], "Completed")
        traffic.flows_on()
        report = traffic.report()
    assert report["failed"] == 0, report
    for host in fleet.hosts:

        def as_the_new_one_left_it(host: str = host) -> bool:
            states = {v: fleet.on_host(host, "iris", v)["state"] for v in (old, new)}
            return states == {old: "ready", new: "available"}

        eventually(as_the_new_one_left_it, what=f"{old} alone on {host}")
    for swap_id in (swap["id"], back["id"]):
        generations = [event["generation"] for event in fleet.events(swap_id)]
        assert generations == list(range(len(generations))), "each step once"
