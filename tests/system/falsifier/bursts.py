"""Keeps Envoy's workers busy on demand: bursts of many requests that arrive all at once.

`python -m tests.system.falsifier.bursts PORT PATH` sends one burst for each line of its input.
A worker reads a whole burst in one turn of its event loop, and a change of route waits behind
it. PATH should be one that Envoy refuses by itself, so that only Envoy has the work.

HTTP/2 by hand, because a client library would not put hundreds of requests into one write.
Frames: https://www.rfc-editor.org/rfc/rfc9113#section-4, header bytes: RFC 7541 appendix A.
"""

import asyncio
import struct
import sys

import uvloop

CONNECTIONS = 16
# Below the 256 streams that the router allows a connection at once.
REQUESTS_A_CONNECTION = 200
# Bursts that follow each other keep the workers behind for this many times as long.
ROUNDS = 3

SETTINGS, HEADERS, WINDOW_UPDATE = 4, 1, 8
ACK, END_STREAM_AND_HEADERS = 1, 0x5
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def headers(path: str) -> bytes:
    get, http = b"\x82", b"\x86"  # :method GET and :scheme http of the static table
    authority, plain_path = b"\x01", b"\x04"  # names of the static table, values that follow
    named = [(authority, b"router"), (plain_path, path.encode())]
    return get + http + b"".join(name + bytes([len(value)]) + value for name, value in named)


class BurstConnection(asyncio.Protocol):
    """Sends bursts and throws the answers away."""

    def __init__(self, path: str) -> None:
        self._headers = headers(path)
        self._stream = 1
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]  # uvloop's own class
        self._transport.write(  # type: ignore[union-attr]
            PREFACE
            + frame(SETTINGS, 0, 0, b"")
            + frame(SETTINGS, ACK, 0, b"")
            # Room for all answers there will ever be.
            + frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30))
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    @property
    def open(self) -> bool:
        return self._transport is not None

    def burst(self) -> None:
        assert self._transport is not None
        frames = []
        for _ in range(REQUESTS_A_CONNECTION):
            frames.append(frame(HEADERS, END_STREAM_AND_HEADERS, self._stream, self._headers))
            self._stream += 2
        self._transport.write(b"".join(frames))


class Orders(asyncio.Protocol):
    def __init__(self) -> None:
        self.waiting = 0
        self.some = asyncio.Event()
        self.ended = False

    def data_received(self, data: bytes) -> None:
        self.waiting += data.count(b"\n")
        self.some.set()

    def eof_received(self) -> None:
        self.ended = True
        self.some.set()


async def main(port: int, path: str) -> None:
    loop = asyncio.get_running_loop()
    orders = Orders()
    await loop.connect_read_pipe(lambda: orders, sys.stdin)
    connections: list[BurstConnection] = []
    while not orders.ended:
        connections = [one for one in connections if one.open]
        while len(connections) < CONNECTIONS:
            _, made = await loop.create_connection(lambda: BurstConnection(path), "127.0.0.1", port)
            connections.append(made)
        await orders.some.wait()
        orders.some.clear()
        if orders.waiting:
            orders.waiting = 0
            for _ in range(ROUNDS):
                for connection in connections:
                    if connection.open:
                        connection.burst()
                await asyncio.sleep(0.005)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
