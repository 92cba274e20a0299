"""The live traffic client: steady inference calls through the router, each one remembered.

    python -m hotswap_site.embedded.traffic --router URL --socket PATH --bodies FILE [--rate 100]

FILE holds `{model: infer body}`. It answers questions on a unix socket, a JSON object a
line: `{"after_ns": N, "model": M}` → what came back since, by version. Times are the
machine's clock (time.time_ns), which the model hosts stamp into every answer too.
"""

import argparse
import asyncio
import itertools
import json
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import uvloop

# Ten minutes at 300 a second: enough for any question about a swap that just ended.
REMEMBERED = 180_000


@dataclass(frozen=True, slots=True)
class Call:
    model: str
    sent_ns: int
    status: int  # 0: no answer at all
    version: str
    served_ns: int  # when the host began this inference; 0 where it did not say
    error: str


class Traffic:
    def __init__(
        self, router_url: str, bodies: dict[str, Any], rate: float, most_in_flight: int
    ) -> None:
        self._router_url = router_url
        self._bodies = {model: json.dumps(body).encode() for model, body in bodies.items()}
        self._rate = rate
        self._most_in_flight = most_in_flight
        self._calls: deque[Call] = deque(maxlen=REMEMBERED)
        self._sent = 0
        self._waiting: dict[int, int] = {}  # calls without an answer yet: number → sent at, in ns

    async def run(self) -> None:
        """`rate` calls a second in all, whether or not earlier ones were answered; up to a
        limit, as every real client has one: past it, a busy machine would only be buried."""
        connector = aiohttp.TCPConnector(limit=0)
        timeout = aiohttp.ClientTimeout(total=60)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            models = itertools.cycle(self._bodies)
            under_way: set[asyncio.Task[None]] = set()
            due = time.monotonic()
            while True:
                if len(under_way) < self._most_in_flight:
                    task = asyncio.create_task(self._call(session, next(models)))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                due += 1 / self._rate
                now = time.monotonic()
                if due < now - 1:  # we were stopped: don't make up for it in a burst
                    due = now
                await asyncio.sleep(max(0.0, due - now))

    async def _call(self, session: aiohttp.ClientSession, model: str) -> None:
        self._sent += 1
        number, sent_ns = self._sent, time.time_ns()
        self._waiting[number] = sent_ns
        try:
            async with session.post(
                f"{self._router_url}/v2/models/{model}/infer",
                data=self._bodies[model],
                headers={"content-type": "application/json"},
            ) as answer:
                body = await answer.read()
                good = answer.status == 200
                call = Call(
                    model,
                    sent_ns,
                    answer.status,
                    answer.headers.get("x-model-version", ""),
                    int(answer.headers.get("x-served-at-ns", "0")),
                    "" if good else body[:200].decode(errors="replace"),
                )
        except (aiohttp.ClientError, TimeoutError) as error:
            call = Call(model, sent_ns, 0, "", 0, repr(error))
        finally:
            del self._waiting[number]
        self._calls.append(call)

    def report(self, *, after_ns: int = 0, model: str = "") -> dict[str, Any]:
        """`sent` counts answered calls since; `served_after` those that a host began since.

        `failed_sent_ns` tells when failed calls were sent, `waiting_since_ns` when the earliest
        was that still waits; now, when none does.
        """
        calls = [
            c for c in self._calls if c.sent_ns >= after_ns and (not model or c.model == model)
        ]
        failed = [c for c in calls if c.status != 200]
        served_after = Counter(
            c.version
            for c in self._calls
            if c.served_ns > after_ns and (not model or c.model == model)
        )
        return {
            "sent": len(calls),
            "failed": len(failed),
            "failures": [f"{c.status} {c.error}" for c in failed[:5]],
            "failed_sent_ns": [c.sent_ns for c in failed],
            "waiting_since_ns": min(self._waiting.values(), default=time.time_ns()),
            "versions": dict(Counter(c.version for c in calls)),
            "served_after": dict(served_after),
            "in_flight": self._sent - len(self._calls) if self._sent < REMEMBERED else None,
        }

    async def answer_questions(self, socket: Path) -> None:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                writer.write(json.dumps(self.report(**json.loads(line))).encode() + b"\n")
                await writer.drain()
            writer.close()

        socket.unlink(missing_ok=True)
        server = await asyncio.start_unix_server(answer, socket)
        async with server:
            await server.serve_forever()


async def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--router", required=True)
    parser.add_argument("--socket", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=100.0)
    parser.add_argument("--most-in-flight", type=int, default=256)
    parser.add_argument("--bodies", type=Path, required=True, help="JSON file {model: infer body}")
    options = parser.parse_args()
    bodies = json.loads(options.bodies.read_text())
    traffic = Traffic(options.router, bodies, options.rate, options.most_in_flight)
    async with asyncio.TaskGroup() as group:
        group.create_task(traffic.run())
        group.create_task(traffic.answer_questions(options.socket))


if __name__ == "__main__":
    try:
        uvloop.run(_main())
    except KeyboardInterrupt:
        sys.exit(130)
