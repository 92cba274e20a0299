"""How soon open pages see a swap's events: many websockets on one swap, one Daphne.

    python -m tests.benchmarks.bench_websockets [--pages 1000] [--weights 22] [--hold 2]

A real swap in many small steps, watched by pages of three roles. Every page must get every
event, once and in order; the command fails if one does not. Prints one JSON object: the time
from the event's transaction (when it began, so a little more than from its commit) to its
arrival, and what Daphne took for it.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from datetime import datetime
from typing import Any

import aiohttp
import httpx
import psutil

from tests.system.fleet import Fleet, running_fleet

EVENT = re.compile(r'<li class="event [^"]*" data-generation="(\d+)"')
ADDED = 'hx-swap-oob="beforeend:#swap-events"'
ROLES = ("viewer", "operator", "administrator")
OPENED_AT_ONCE = 50
PATIENCE_SECONDS = 120.0


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", type=int, default=1000)
    parser.add_argument("--weights", type=int, default=22, help="steps of the swap")
    parser.add_argument("--hold", type=float, default=2.0, help="seconds between two of them")
    parser.add_argument("--watch", metavar="JSON", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        asyncio.run(_watch(**json.loads(options.watch)))
        return
    with running_fleet() as fleet:
        print(json.dumps(_measure(fleet, options.pages, options.weights, options.hold), indent=2))


def _measure(fleet: Fleet, pages: int, weights: int, hold: float) -> dict[str, Any]:
    percents = [round(100 * step / weights) for step in range(1, weights)]
    # The first weight is held until all pages are open.
    steps: list[dict[str, Any]] = [{"setWeight": percents[0]}, {"pause": {}}]
    for percent in percents[1:]:
        steps += [{"setWeight": percent}, {"pause": {"duration": hold}}]
    swap = fleet.start_swap("iris", strategy={"name": "many-steps", "steps": steps})
    fleet.reaches(swap["id"], "Transitioning")
    daphne = _daphne()
    task = {
        "url": f"{fleet.stack.console_url.replace('http', 'ws', 1)}/ws/swaps/{swap['id']}",
        "origin": fleet.stack.console_url,
        "sessions": [_session(fleet, role) for role in ROLES],
        "pages": pages,
    }
    # Those who watch are another process, as browsers are.
    watching = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.bench_websockets", "--watch", json.dumps(task)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert watching.stdout is not None
    first = watching.stdout.readline()
    assert first == "open\n", f"the pages did not open: {first!r}"
    opened_mib = daphne.memory_info().rss / 2**20
    began, used = time.monotonic(), _cpu_seconds(daphne)
    seen_from = len(fleet.events(swap["id"]))
    answer = fleet.command(swap["id"], "promote")
    assert answer.status_code == 202, answer.text
    fleet.finished(swap["id"], "Completed")
    elapsed, spent = time.monotonic() - began, _cpu_seconds(daphne) - used
    events = {
        event["generation"]: datetime.fromisoformat(event["time"]).timestamp()
        for event in fleet.events(swap["id"])[seen_from:]
    }
    answers, _ = watching.communicate(json.dumps({"last": max(events)}), PATIENCE_SECONDS)
    arrivals: list[list[tuple[int, float]]] = json.loads(answers)
    in_order = [sorted(events)] * pages
    assert [[generation for generation, _ in page] for page in arrivals] == in_order, (
        "a page did not get every event once and in order"
    )
    delays = [(at - events[generation]) * 1000 for page in arrivals for generation, at in page]
    cuts = statistics.quantiles(delays, n=100, method="inclusive")
    return {
        "pages": pages,
        "events": len(events),
        "arrivals": len(delays),
        "load_average": round(os.getloadavg()[0], 1),  # of the machine: others may be busy on it
        "commit_to_arrival_ms": {
            "p50": round(statistics.median(delays), 1),
            "p99": round(cuts[98], 1),
            "max": round(max(delays), 1),
        },
        "daphne": {
            "cpu_percent_of_one_core": round(100 * spent / elapsed, 1),
            "rss_mib": {
                "with_all_open": round(opened_mib, 1),
                "at_the_end": round(daphne.memory_info().rss / 2**20, 1),
            },
        },
    }


def _daphne() -> psutil.Process:
    for child in psutil.Process().children(recursive=True):
        if "runconsole" in child.cmdline():
            return child
    raise AssertionError("no Daphne runs")


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _session(fleet: Fleet, role: str) -> str:
    """Signs in as a person does."""
    with httpx.Client(base_url=fleet.stack.console_url, trust_env=False, timeout=30) as client:
        client.get("/login")
        answer = client.post(
            "/login",
            data={
                "username": f"the-{role}",
                "password": f"a password of the {role}",
                "csrfmiddlewaretoken": client.cookies["csrftoken"],
            },
            headers={"origin": fleet.stack.console_url},
        )
        assert answer.status_code == 302, answer.text
        return client.cookies["sessionid"]


async def _watch(url: str, origin: str, sessions: list[str], pages: int) -> None:
    """Opens the pages, says so, and tells what came when on being told what the last is."""
    arrivals: list[list[tuple[int, float]]] = [[] for _ in range(pages)]
    room = asyncio.Semaphore(OPENED_AT_ONCE)
    opened = asyncio.Semaphore(0)

    async def read(client: aiohttp.ClientSession, place: int) -> None:
        async with room:
            headers = {"Cookie": f"sessionid={sessions[place % len(sessions)]}", "Origin": origin}
            socket = await client.ws_connect(url, headers=headers, max_msg_size=0)
            await socket.receive_str(timeout=PATIENCE_SECONDS)
        opened.release()
        async for message in socket:
            at = time.time()
            if ADDED in message.data:
                arrivals[place] += [(int(found), at) for found in EVENT.findall(message.data)]

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as client:
        tasks = [asyncio.create_task(read(client, place)) for place in range(pages)]
        for _ in range(pages):
            await asyncio.wait_for(opened.acquire(), PATIENCE_SECONDS)
        print("open", flush=True)
        last = json.loads(await asyncio.to_thread(sys.stdin.read))["last"]
        deadline = time.monotonic() + PATIENCE_SECONDS / 2
        while time.monotonic() < deadline:
            if all(page and page[-1][0] >= last for page in arrivals):
                break
            await asyncio.sleep(0.1)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(arrivals))


if __name__ == "__main__":
    main()
