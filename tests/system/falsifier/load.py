"""Inference clients on many kept-alive connections, some of them slow on purpose.

`python -m tests.system.falsifier.load PORT PATH CONNECTIONS RATE` runs until its input ends, then
prints `{"requests": …, "failed": …, "failures": {…}}`. RATE is requests a second in all.

A quarter of the connections sends bodies in pieces, some with a pause inside the headers, so
that at any moment some requests are half sent, on either side of Envoy's choice of version.
"""

import asyncio
import json
import random
import sys
from collections import Counter

import uvloop

ANSWER_TIMEOUT_SECONDS = 30
BODY = b'{"inputs": [1, 2, 3]}'
SLOW_BODY = b"x" * 30_000
PIECES = 3
LONGEST_PAUSE_SECONDS = 0.05
LONGEST_WORK_MS = 25


class Client:
    def __init__(self, port: int, path: str, pause_seconds: float, seed: int) -> None:
        self._port, self._path, self._pause = port, path, pause_seconds
        self._random = random.Random(seed)
        self.requests = 0
        self.failures: Counter[str] = Counter()

    async def run(self, stop: asyncio.Event, *, slow: bool) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        while not stop.is_set():
            self.requests += 1
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_SECONDS):
                    await (self._send_slowly(writer) if slow else self._send(writer))
                    status = await _read_answer(reader)
            except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
                self.failures[type(error).__name__] += 1
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            else:
                if status != 200:
                    self.failures[str(status)] += 1
            await asyncio.sleep(self._random.expovariate(1 / self._pause))
        writer.close()

    def _head(self, length: int) -> bytes:
        # Most answer at once; some work, so that there is something to drain.
        work_ms = self._random.choice([0, 0, 0, self._random.random() * LONGEST_WORK_MS])
        return (
            f"POST {self._path} HTTP/1.1\r\nhost: router\r\nx-work-ms: {work_ms:.3f}\r\n"
            f"content-length: {length}\r\n\r\n"
        ).encode()

    async def _send(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self._head(len(BODY)) + BODY)

    async def _send_slowly(self, writer: asyncio.StreamWriter) -> None:
        head = self._head(len(SLOW_BODY))
        cut = self._random.choice([len(head), len(head) // 2])
        size = len(SLOW_BODY) // PIECES
        pieces = [head[:cut], head[cut:]]
        pieces += [SLOW_BODY[at : at + size] for at in range(0, len(SLOW_BODY), size)]
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(self._random.random() * LONGEST_PAUSE_SECONDS)


async def _read_answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    lengths = [line for line in lines if line.startswith("content-length:")]
    await reader.readexactly(int(lengths[0].split(":")[1]))
    return int(lines[0].split()[1])


async def main(port: int, path: str, connections: int, rate: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: _StopAtEnd(stop), sys.stdin)
    clients = [Client(port, path, connections / rate, seed) for seed in range(connections)]
    async with asyncio.TaskGroup() as tasks:
        for number, client in enumerate(clients):
            tasks.create_task(client.run(stop, slow=number % 4 == 0))
    failures = sum((client.failures for client in clients), Counter[str]())
    sys.stdout.write(
        json.dumps(
            {
                "requests": sum(client.requests for client in clients),
                "failed": failures.total(),
                "failures": failures,
            }
        )
    )


class _StopAtEnd(asyncio.Protocol):
    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def eof_received(self) -> None:
        self._stop.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop.set()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
