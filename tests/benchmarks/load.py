"""Steady inference calls that cost little: what is measured shares the cores with them.

`python -m tests.benchmarks.load URL MODEL RATE` sends what the first line of its input
holds, RATE times a second in all, over kept-alive connections with one call each at a time,
until its input ends. Each answer's status is looked at. Prints one JSON object.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from urllib.parse import urlsplit

import uvloop

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS

CONNECTIONS = 32
SETTLE_SECONDS = 1.0
_LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)


class RunningLoad:
    """A process of its own, which says at its end what came of its calls."""

    def __init__(self, url: str, model: str, rate: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.load", url, model, str(rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(SAMPLE_REQUESTS[model]).encode() + b"\n")
        self._process.stdin.flush()
        self._output = b""

    def end(self) -> None:
        self._output, _ = self._process.communicate(timeout=60)

    def report(self) -> dict[str, Any]:
        """After its end: `sent`, `failed`, `answers` by status, `lost`, `rate` a second."""
        found: dict[str, Any] = json.loads(self._output)
        return found


@contextmanager
def running_load(url: str, model: str, rate: float) -> Iterator[RunningLoad]:
    load = RunningLoad(url, model, rate)
    try:
        time.sleep(SETTLE_SECONDS)
        yield load
    finally:
        load.end()


class Load:
    def __init__(self, request: bytes, rate: float) -> None:
        self.request = request
        self.rate = rate
        self.idle: deque[Connection] = deque()
        self.sent = 0
        self.answers: Counter[bytes] = Counter()  # by status
        self.lost = 0  # connections that ended with a call under way
        self.seconds = 0.0

    async def run(self, stop: asyncio.Event) -> None:
        """Calls are due at even times, and go out when a connection is free for them."""
        began = due = time.monotonic()
        while not stop.is_set():
            now = time.monotonic()
            while due <= now and self.idle:
                self.idle.popleft().call()
                due += 1 / self.rate
            due = max(due, now - 1)  # we were stopped: don't make up for it in a burst
            await asyncio.sleep(max(0.001, due - now))
        self.seconds = time.monotonic() - began

    def report(self) -> str:
        good = self.answers.get(b"200", 0)
        return json.dumps(
            {
                "sent": self.sent,
                "failed": self.sent - good,
                "answers": {status.decode(): count for status, count in self.answers.items()},
                "lost": self.lost,
                "rate": round(self.sent / self.seconds),
            }
        )


class Connection(asyncio.Protocol):
    def __init__(self, load: Load) -> None:
        self._load = load
        self._received = b""
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._load.idle.append(self)

    def call(self) -> None:
        self._busy = True
        self._load.sent += 1
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return
        length = _LENGTH.search(self._received, 0, end + 2)
        if length is None or len(self._received) < end + 4 + int(length[1]):
            return
        self._load.answers[self._received[9:12]] += 1
        self._received, self._busy = b"", False
        self._load.idle.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._busy:
            self._load.lost += 1


async def main(url: str, model: str, rate: float) -> None:
    parts = urlsplit(url)
    body = sys.stdin.buffer.readline().strip()
    head = (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\nhost: {parts.netloc}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    load = Load(head.encode() + body, rate)
    loop = asyncio.get_running_loop()
    for _ in range(CONNECTIONS):
        await loop.create_connection(lambda: Connection(load), parts.hostname, parts.port)
    stop = asyncio.Event()
    loop.add_reader(sys.stdin, stop.set)
    await load.run(stop)
    deadline = time.monotonic() + 30
    while len(load.idle) + load.lost < CONNECTIONS and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    sys.stdout.write(load.report() + "\n")


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3])))
