"""Runs the matrix, cell by cell, keeps what came of each, and prints the table.

    python -m pytest tests/system/faults/matrix.py -s     (what `make faults` calls)

`HOTSWAP_FAULTS` passes its options on: `--shard 2/4`, `--only ROW,…`, `--moments M,…`, `--again`.
Cells that the file already has are not run again, so a run that broke off is resumed.
"""

import argparse
import json
import os
import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.faults import hits, trouble
from tests.system.faults.cells import Cell, Hit, Result
from tests.system.faults.hits import Fault
from tests.system.faults.moments import MOMENTS
from tests.system.faults.table import table
from tests.system.faults.whole_stack import (
    killed_and_started_again,
    stood_still,
    whole_stack,
)
from tests.system.faults.witness import MixedTraffic, mixed_traffic
from tests.system.fleet import Fleet, running_fleet

KEPT = Path(os.environ.get("HOTSWAP_FAULTS_JSON", "faults.json"))
ON_THE_WAY = {"edge-1": "router", "alpha": "host"}
# A host that dies with the new version may end the swap: the old one serves, and it says why.
ALSO_RIGHT = {"alpha": frozenset({"Failed", "RolledBack"})}
PROCESSES = ("worker", "router", "edge-1", "console", "valkey", "postgres", "alpha")
TROUBLE_MOMENTS = ("Transitioning", "Draining")


def process_cells(process: str) -> list[Cell]:
    hit: dict[Fault, Callable[..., None]] = {Fault.KILL: hits.kill, Fault.STILL: hits.stop}
    return [
        Cell(
            process,
            fault,
            moment,
            _on_process(hit[fault], process),
            ON_THE_WAY.get(process, ""),
            ALSO_RIGHT.get(process, frozenset()),
        )
        for fault in Fault
        for moment in MOMENTS
    ]


def _on_process(hit: Callable[..., None], process: str) -> Hit:
    return lambda fleet, let_go: hit(fleet.stack.supervisor, process, let_go)


def trouble_cells(row: str, fault: str, hit: Hit, on_the_way: str = "") -> list[Cell]:
    return [Cell(row, fault, moment, hit, on_the_way) for moment in TROUBLE_MOMENTS]


# -- rows that share a fleet --


@contextmanager
def usual_fleet(process: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    with running_fleet() as fleet:
        yield fleet, process_cells(process)


@contextmanager
def supervised(_: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    with whole_stack() as (fleet, whole):
        killed, still = killed_and_started_again(whole), stood_still(whole)
        yield (
            fleet,
            [
                *(Cell("supervisor", Fault.KILL, m, killed, "router") for m in MOMENTS),
                *(Cell("supervisor", Fault.STILL, m, still) for m in MOMENTS),
            ],
        )


@contextmanager
def troubled_database(_: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    with running_fleet() as fleet:
        yield (
            fleet,
            [
                *trouble_cells("postgres", "10 s read-only", trouble.read_only),
                *trouble_cells("postgres", "10 s NOTIFY full", trouble.notify_queue_full),
            ],
        )


@contextmanager
def troubled_disk(_: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    with trouble.small_disk() as mount, running_fleet(prepare=mount) as fleet:
        yield fleet, trouble_cells("postgres", "10 s disk full", trouble.disk_full)


@contextmanager
def troubled_clock(processes: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    ahead = dict.fromkeys(processes.split("+"), trouble.wrong_clock())
    with running_fleet(process_env=ahead) as fleet:
        yield fleet, trouble_cells(processes, "clock 5 min ahead", trouble.nothing_more)


@contextmanager
def troubled_network(_: str) -> Iterator[tuple[Fleet, list[Cell]]]:
    with trouble.FarHost() as far, running_fleet() as fleet:
        far.join(fleet)
        yield fleet, trouble_cells("a host's network", "10 s cut", far.cut, "host")


ROWS: dict[str, Callable[[], Any]] = {
    **{process: partial(usual_fleet, process) for process in PROCESSES},
    "supervisor": partial(supervised, ""),
    "database": partial(troubled_database, ""),
    "disk": partial(troubled_disk, ""),
    "clock-worker": partial(troubled_clock, "worker"),
    "clock-all": partial(troubled_clock, "worker+router+console"),
    "network": partial(troubled_network, ""),
}


def options(words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make faults")
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(ROWS))
    parser.add_argument("--moments", type=lambda text: text.split(","), default=list(MOMENTS))
    parser.add_argument("--shard", default="1/1", help="K/N: every N-th row, from the K-th on")
    parser.add_argument("--again", action="store_true", help="also what the file has already")
    found = parser.parse_args(shlex.split(words))
    unknown = set(found.only) - set(ROWS) | set(found.moments) - set(MOMENTS)
    if unknown:
        parser.error(f"no such row or moment: {', '.join(sorted(unknown))}")
    number, of = map(int, found.shard.split("/"))
    found.only = found.only[number - 1 :: of]
    return found


class Record:
    """What came of each cell, kept after every one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.cells: dict[str, dict[str, Any]] = {}
        if path.exists():
            self.cells = json.loads(path.read_text())

    def keep(self, result: Result) -> None:
        self.cells[result.name] = result.as_json()
        self._path.write_text(json.dumps(self.cells, indent=1, ensure_ascii=False))


def run_rows(rows: list[str], record: Record, *, moments: list[str], again: bool) -> list[Result]:
    results = []
    for row in rows:
        with ExitStack() as held:
            fleet, cells = held.enter_context(ROWS[row]())
            wanted = [
                c for c in cells if c.moment in moments and (again or c.name not in record.cells)
            ]
            if not wanted:
                continue
            traffic = held.enter_context(mixed_traffic(fleet))
            for cell in wanted:
                results.append(run_cell(cell, fleet, traffic))
                record.keep(results[-1])
    return results


def run_cell(cell: Cell, fleet: Fleet, traffic: MixedTraffic) -> Result:
    print(f"\n{cell.name} ...", flush=True)
    try:
        result = cell.run(fleet, traffic)
    except Exception as error:
        result = Result(cell.row, cell.fault, cell.moment)
        result.problems.append(f"{type(error).__name__}: {str(error)[:500]}")
    print(
        f"  {result.end}; {result.sent} calls, {result.lost} lost, {result.lost_with_it} with it; "
        f"on after {result.seconds:.1f} s",
        *(f"  ! {problem}" for problem in (*result.problems, *result.failures)),
        sep="\n",
        flush=True,
    )
    if not result.good:
        fleet.end_open_swaps()
    return result


def test_the_matrix_of_faults() -> None:
    chosen = options(os.environ.get("HOTSWAP_FAULTS", ""))
    record = Record(KEPT)
    run_rows(chosen.only, record, moments=chosen.moments, again=chosen.again)
    print("\n" + table(record.cells))
    bad = [name for name, cell in record.cells.items() if not cell["good"]]
    assert not bad, "\n".join(["cells that are not as they should be:", *bad])
