"""Runs the matrix, cell by cell, keeps what came of each, and prints the table.

    python -m pytest tests/system/faults/matrix.py -s     (what `make faults` calls)

`HOTSWAP_FAULTS` passes its options on: `--shard 2/4`, `--only ROW,…`, `--moments M,…`, `--again`.
Cells that the file already has are not run again, so a run that broke off is resumed.
"""

import argparse
import json
import os
import shlex
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.system.faults import hits, trouble
from tests.system.faults.cells import Cell, Hit, Result, name_of
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
TROUBLE_MOMENTS = ("Transitioning", "Draining")


@dataclass(frozen=True)
class Row:
    """What is hit, by which faults, in which states; `fleet` opens what it is tried on."""

    hit: str
    faults: tuple[str, ...]
    fleet: Callable[[], AbstractContextManager[tuple[Fleet, Sequence[Hit]]]]  # a hit a fault
    moments: tuple[str, ...] = tuple(MOMENTS)
    on_the_way: Mapping[str, str] = field(default_factory=dict)  # by fault
    also_right: frozenset[str] = frozenset()

    def names(self, moments: Collection[str]) -> set[str]:
        return {name_of(self.hit, f, m) for f in self.faults for m in self.moments if m in moments}

    def cells(self, hits: Sequence[Hit]) -> list[Cell]:
        return [
            Cell(self.hit, fault, m, hit, self.on_the_way.get(fault, ""), self.also_right)
            for fault, hit in zip(self.faults, hits, strict=True)
            for m in self.moments
        ]


# -- a process --

ON_THE_WAY = {"edge-1": "router", "alpha": "host"}
# A host that dies with the new version may end the swap: the old one serves, and it says why.
ALSO_RIGHT = {"alpha": frozenset({"Failed", "RolledBack"})}
PROCESSES = ("worker", "router", "edge-1", "console", "valkey", "postgres", "alpha")


def process_row(process: str) -> Row:
    return Row(
        process,
        tuple(Fault),
        partial(_usual_fleet, process),
        on_the_way=dict.fromkeys(Fault, ON_THE_WAY.get(process, "")),
        also_right=ALSO_RIGHT.get(process, frozenset()),
    )


def process_hits(process: str) -> list[Hit]:
    """As `Fault` lists them."""
    return [_on_process(hits.kill, process), _on_process(hits.stop, process)]


def _on_process(hit: Callable[..., None], process: str) -> Hit:
    return lambda fleet, let_go: hit(fleet.stack.supervisor, process, let_go)


@contextmanager
def _usual_fleet(process: str) -> Iterator[tuple[Fleet, list[Hit]]]:
    with running_fleet() as fleet:
        yield fleet, process_hits(process)


@contextmanager
def _supervised() -> Iterator[tuple[Fleet, list[Hit]]]:
    with whole_stack() as (fleet, whole):
        yield fleet, [killed_and_started_again(whole), stood_still(whole)]


# -- a machine --


@contextmanager
def _database() -> Iterator[tuple[Fleet, list[Hit]]]:
    with running_fleet() as fleet:
        yield fleet, [trouble.read_only, trouble.notify_queue_full]


@contextmanager
def _disk() -> Iterator[tuple[Fleet, list[Hit]]]:
    with trouble.small_disk() as mount, running_fleet(prepare=mount) as fleet:
        yield fleet, [trouble.disk_full]


@contextmanager
def _clock(*processes: str) -> Iterator[tuple[Fleet, list[Hit]]]:
    ahead = dict.fromkeys(processes, trouble.wrong_clock())
    with running_fleet(process_env=ahead) as fleet:
        yield fleet, [trouble.nothing_more]


@contextmanager
def _network() -> Iterator[tuple[Fleet, list[Hit]]]:
    with trouble.FarHost() as far, running_fleet() as fleet:
        far.join(fleet)
        yield fleet, [far.cut]


CLOCK_AHEAD = ("clock 5 min ahead",)
EVERY_CLOCK = ("worker", "router", "console")
ROWS = {
    **{process: process_row(process) for process in PROCESSES},
    "supervisor": Row("supervisor", tuple(Fault), _supervised, on_the_way={Fault.KILL: "router"}),
    "database": Row("postgres", ("10 s read-only", "10 s NOTIFY full"), _database, TROUBLE_MOMENTS),
    "disk": Row("postgres", ("10 s disk full",), _disk, TROUBLE_MOMENTS),
    "clock-worker": Row("worker", CLOCK_AHEAD, partial(_clock, "worker"), TROUBLE_MOMENTS),
    "clock-all": Row(
        "+".join(EVERY_CLOCK), CLOCK_AHEAD, partial(_clock, *EVERY_CLOCK), TROUBLE_MOMENTS
    ),
    "network": Row(
        "a host's network", ("10 s cut",), _network, TROUBLE_MOMENTS, {"10 s cut": "host"}
    ),
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
    for row in (ROWS[name] for name in rows):
        wanted = row.names(moments) - (set() if again else set(record.cells))
        if not wanted:
            continue
        with ExitStack() as held:
            fleet, hits_by_fault = held.enter_context(row.fleet())
            traffic = held.enter_context(mixed_traffic(fleet))
            for cell in row.cells(hits_by_fault):
                if cell.name in wanted:
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
