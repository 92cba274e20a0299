"""The short form of the matrix: each process once, killed or stopped while traffic is split."""

from collections.abc import Iterator

import pytest

from tests.system.faults.hits import Fault
from tests.system.faults.matrix import PROCESSES, process_hits, process_row
from tests.system.faults.witness import MixedTraffic, mixed_traffic
from tests.system.fleet import Fleet

# Each process at another state; all of them, and the rest, are `make faults`.
SHORT = {
    "worker": (Fault.KILL, "Draining"),
    "router": (Fault.STILL, "Draining"),
    "edge-1": (Fault.KILL, "Transitioning"),
    "console": (Fault.STILL, "RollingBack"),
    "valkey": (Fault.STILL, "NotStarted"),
    "postgres": (Fault.KILL, "Bake"),
    "alpha": (Fault.KILL, "Unloading"),
}


@pytest.fixture(scope="module")
def traffic(fleet: Fleet) -> Iterator[MixedTraffic]:
    with mixed_traffic(fleet) as running:
        yield running


@pytest.mark.parametrize("process", PROCESSES)
def test_a_process_is_hit_and_nothing_is_lost_but_on_it(
    fleet: Fleet, traffic: MixedTraffic, process: str
) -> None:
    fault, moment = SHORT[process]
    (cell,) = (
        c
        for c in process_row(process).cells(process_hits(process))
        if (c.fault, c.moment) == (fault, moment)
    )
    result = cell.run(fleet, traffic)
    assert result.good, result
