"""Routing update and swap overhead, as the README defines them, over many real swaps.

    python -m tests.benchmarks.bench_swaps [--swaps 200] [--rate 3000] [--models 10]

Prints one JSON object: medians and p99 in milliseconds, one at a time idle, one at a time
under load (with the rate of calls that each round reached), and several models at once; where
the time goes, as medians from event to event (the load is in the second of them); and what one
swap costs each process. Rounds under load and idle alternate, so that a noisy machine is noisy
for both.

Hosts may load as many versions at once as there are models: a swap that waits for a host's own
limit waits for other loads, which is no overhead of ours.
"""

import argparse
import json
import os
import shutil
import statistics
import time
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.benchmarks.load import running_load
from tests.system.fleet import Fleet, running_fleet

ROUND = 20
PROCESSES = ("console", "worker", "router", "postgres", "valkey", "edge-1")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--swaps", type=int, default=200, help="in each of idle and loaded")
    parser.add_argument("--rate", type=float, default=3000, help="requests a second under load")
    parser.add_argument("--models", type=int, default=10, help="swapped at once")
    options = parser.parse_args()
    # As it is by default: the tests' fleet looks at its hosts more often.
    with running_fleet(HOTSWAP_RECONCILE_SECONDS="5") as fleet:
        for host in fleet.hosts:
            limit = {"max_concurrent_loads": options.models}
            assert fleet.api.patch(f"hosts/{host}", json=limit).status_code == 200
        names = _more_models(fleet, options.models)
        for _ in range(5):  # the first swaps of a process pay for its imports
            _swap_one(fleet, "iris")
        idle: list[dict[str, Any]] = []
        loaded: list[dict[str, Any]] = []
        sent = failed = 0
        rates: list[int] = []
        spent: dict[str, float] = {}
        while len(idle) < options.swaps:
            count = min(ROUND, options.swaps - len(idle))
            before = _processor_ms(fleet)
            idle += [_swap_one(fleet, "iris") for _ in range(count)]
            for name, now in _processor_ms(fleet).items():
                spent[name] = spent.get(name, 0.0) + now - before.get(name, now)
            with running_load(fleet.stack.router_url, "iris", options.rate) as load:
                loaded += [_swap_one(fleet, "iris") for _ in range(count)]
            report = load.report()
            sent, failed = sent + report["sent"], failed + report["failed"]
            rates.append(report["rate"])
        together: list[dict[str, Any]] = []
        while len(together) < options.swaps:
            together += _swap_together(fleet, names)
        print(
            json.dumps(
                {
                    "load_average": os.getloadavg()[0],
                    "idle": _summary(idle)
                    | {
                        "phases_ms": _phases(fleet, idle),
                        "processor_ms": {k: round(v / len(idle), 1) for k, v in spent.items()},
                    },
                    "under_load": _summary(loaded)
                    | {
                        "phases_ms": _phases(fleet, loaded),
                        "sent": sent,
                        "failed": failed,
                        "rates": rates,
                    },
                    f"{options.models}_at_once": _summary(together)
                    | {"phases_ms": _phases(fleet, together)},
                },
                indent=2,
            )
        )


def _more_models(fleet: Fleet, count: int) -> list[str]:
    """Copies of iris under other names, serving 1.0."""
    names = [f"iris-{number}" for number in range(count)]
    for name in names:
        for repository in fleet.repositories.values():
            shutil.copytree(repository / "iris", repository / name, dirs_exist_ok=True)
        sample = fleet.get("models/iris")["sample_request"]
        answer = fleet.api.post("models", json={"name": name, "sample_request": sample})
        assert answer.status_code == 201, answer.text
        fleet.activate(name, "1.0")
    return names


def _swap_one(fleet: Fleet, model: str) -> dict[str, Any]:
    swap = fleet.start_swap(model)
    time.sleep(0.3)  # asking meanwhile would take the cores from what is measured
    return fleet.finished(swap["id"], "Completed")


def _swap_together(fleet: Fleet, names: list[str]) -> list[dict[str, Any]]:
    swaps = [fleet.start_swap(name) for name in names]
    time.sleep(1.0)  # as above
    return [fleet.finished(swap["id"], "Completed") for swap in swaps]


def _phases(fleet: Fleet, swaps: list[dict[str, Any]]) -> dict[str, float]:
    """From each event of a swap to the next one: medians, by what ends the phase."""
    phases: dict[str, list[float]] = {}
    for swap in swaps:
        for before, event in pairwise(fleet.events(swap["id"])):
            took = datetime.fromisoformat(event["time"]) - datetime.fromisoformat(before["time"])
            past_return = event["data"].get("point_of_no_return")
            name = "point of no return" if past_return else event["to_state"]
            phases.setdefault(name, []).append(took.total_seconds() * 1000)
    return {name: round(statistics.median(values), 1) for name, values in phases.items()}


def _processor_ms(fleet: Fleet) -> dict[str, float]:
    """By child of the supervisor, with its own children; what our own calls cost is in it."""
    names = {fleet.stack.supervisor.pid(name): name for name in PROCESSES + tuple(fleet.hosts)}
    spent: dict[str, float] = dict.fromkeys(names.values(), 0.0)
    tick = 1000 / os.sysconf("SC_CLK_TCK")
    parents = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        parents[int(process.name)] = (int(fields[1]), (int(fields[11]) + int(fields[12])) * tick)
    for pid, (parent, used) in parents.items():
        name = names.get(pid) or names.get(parent)
        if name is not None:
            spent[name] += used
    return spent


def _summary(swaps: list[dict[str, Any]]) -> dict[str, Any]:
    def of(key: str, factor: float = 1.0) -> dict[str, float]:
        values = sorted(s["timings"][key] * factor for s in swaps if s["timings"][key] is not None)
        if len(values) < 2:
            return {}
        cuts = statistics.quantiles(values, n=100, method="inclusive")
        return {"p50": round(statistics.median(values), 1), "p99": round(cuts[98], 1)}

    return {
        "swaps": len(swaps),
        "routing_update_ms": of("routing_update_ms"),
        "swap_overhead_ms": of("overhead_ms"),
        "drain_ms": of("drain_ms"),
        "load_ms": of("load_seconds", 1000.0),
    }


if __name__ == "__main__":
    main()
