"""What callers who wait cost: event streams, and GETs that wait for the end, on one Daphne.

    python -m tests.benchmarks.bench_streams [--streams 200] [--waits 200] [--steps 5]

A real swap in some steps, followed by all of them. Every stream must get every event, once and
in order, and every wait the swap's end; the command fails if one does not. Prints one JSON
object: threads and memory of Daphne and connections of Postgres before and with all of them
open, what a plain GET takes meanwhile, and the time from an event's transaction to its arrival.
"""

import argparse
import asyncio
import json
import statistics
import threading
import time
from datetime import datetime
from typing import Any

import aiohttp
import psutil
import psycopg

from hotswap_site.embedded.paths import default_owner_database_url
from tests.benchmarks.bench_websockets import _daphne as the_daphne
from tests.system.fleet import Fleet, running_fleet

PATIENCE_SECONDS = 300.0
GETS = 200
SETTLE_SECONDS = 3.0

Arrival = tuple[int, float]


class Callers:
    """All that wait, on a loop in a thread of its own."""

    def __init__(self, url: str, token: str, swap_id: str, streams: int, waits: int) -> None:
        self._path = f"{url}/api/v1/swaps/{swap_id}"
        self._headers = {"Authorization": f"Bearer {token}"}
        self.arrivals: list[list[Arrival]] = [[] for _ in range(streams)]
        self.ended: list[dict[str, Any]] = []
        self._waits = waits
        self.opened = threading.Semaphore(0)
        self._thread = threading.Thread(target=asyncio.run, args=(self._all(),))

    def start(self) -> None:
        self._thread.start()
        for _ in self.arrivals:
            assert self.opened.acquire(timeout=PATIENCE_SECONDS), "a stream did not open"

    def join(self) -> None:
        self._thread.join(PATIENCE_SECONDS)
        assert not self._thread.is_alive(), "a caller still waits"

    async def _all(self) -> None:
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=PATIENCE_SECONDS)
        async with (
            aiohttp.ClientSession(
                connector=connector, timeout=timeout, headers=self._headers
            ) as client,
            asyncio.TaskGroup() as tasks,
        ):
            for place in range(len(self.arrivals)):
                tasks.create_task(self._stream(client, place))
            for _ in range(self._waits):
                tasks.create_task(self._wait(client))

    async def _stream(self, client: aiohttp.ClientSession, place: int) -> None:
        generation, kind = -1, ""
        async with client.get(f"{self._path}/stream") as answer:
            assert answer.status == 200, await answer.text()
            self.opened.release()
            async for line in answer.content:
                name, _, value = line.decode().rstrip().partition(": ")
                if name == "id":
                    generation = int(value)
                elif name == "event":
                    kind = value
                elif name == "data" and kind not in {"progress", "end"}:
                    self.arrivals[place].append((generation, time.time()))

    async def _wait(self, client: aiohttp.ClientSession) -> None:
        async with client.get(f"{self._path}?wait_seconds=280") as answer:
            assert answer.status == 200, await answer.text()
            self.ended.append(await answer.json())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--streams", type=int, default=200)
    parser.add_argument("--waits", type=int, default=200)
    parser.add_argument("--steps", type=int, default=5)
    options = parser.parse_args()
    with running_fleet() as fleet:
        print(json.dumps(_measure(fleet, options.streams, options.waits, options.steps), indent=2))


def _measure(fleet: Fleet, streams: int, waits: int, steps: int) -> dict[str, Any]:
    weights = [round(100 * step / steps) for step in range(1, steps)]
    # The first weight is held until all have called.
    strategy: list[dict[str, Any]] = [{"setWeight": weights[0]}, {"pause": {}}]
    for weight in weights[1:]:
        strategy += [{"setWeight": weight}, {"pause": {"duration": 1}}]
    swap = fleet.start_swap("iris", strategy={"name": "some-steps", "steps": strategy})
    fleet.reaches(swap["id"], "Transitioning")
    daphne = the_daphne()
    alone = _cost(fleet, daphne)
    token = fleet.tokens["viewer"]
    callers = Callers(fleet.stack.console_url, token, swap["id"], streams, waits)
    callers.start()
    time.sleep(SETTLE_SECONDS)  # those that wait for the end tell nobody that they do
    together = _cost(fleet, daphne)
    fleet.command(swap["id"], "promote")
    fleet.finished(swap["id"], "Completed")
    callers.join()
    events = {
        event["generation"]: datetime.fromisoformat(event["time"]).timestamp()
        for event in fleet.events(swap["id"])
    }
    for arrivals in callers.arrivals:
        assert [generation for generation, _ in arrivals] == sorted(events), "out of order"
    assert [end["state"] for end in callers.ended] == ["Completed"] * waits
    live = [generation for generation in events if events[generation] > together["at"]]
    delays = [
        (at - events[generation]) * 1000
        for arrivals in callers.arrivals
        for generation, at in arrivals
        if generation in live
    ]
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {
        "streams": streams,
        "waits": waits,
        "alone": alone,
        "with_all_open": together,
        "live_events": len(live),
        "commit_to_arrival_ms": {
            "p50": round(statistics.median(delays), 1),
            "p99": round(cuts[98], 1),
        },
    }


def _cost(fleet: Fleet, daphne: psutil.Process) -> dict[str, Any]:
    took = []
    for _ in range(GETS):
        began = time.perf_counter()
        fleet.get("me")
        took.append((time.perf_counter() - began) * 1000)
    with psycopg.connect(default_owner_database_url(fleet.stack.home)) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert row is not None, "a count is one row"
    return {
        "at": time.time(),
        "daphne_threads": daphne.num_threads(),
        "daphne_rss_mib": round(daphne.memory_info().rss / 2**20, 1),
        "postgres_connections": row[0],
        "get_ms": {
            "p50": round(statistics.median(took), 1),
            "p99": round(statistics.quantiles(took, n=100)[98], 1),
        },
    }


if __name__ == "__main__":
    main()
