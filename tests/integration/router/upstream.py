"""A model host for the router's tests, whose clock is the witness.

`python -m tests.integration.router.upstream PORT_FILE LOG` answers every path; the tag is the
path's second part (`/c/TAG/infer`). Each request becomes one line of LOG:
`TAG START_NS END_NS`, both by CLOCK_REALTIME: START when its first byte is read, END just
before its answer is written, so that whoever holds the answer knows that END has passed.

Request headers that it understands: `x-work-ms` (how long the answer takes), `x-stream-ms` (how
long it goes on once it has begun; END is then the end of that).
`GET /unready/TAG` and `GET /ready/TAG` switch the ready path of a tag. After `GET /lose/TAG` its
inferences are refused as soon as their headers are there, as by a host that came back empty, by
`x-refused: yes`, while it still says that it is ready; such a request's line is `lost-TAG`.
`GET /stumble/TAG` fails the next two checks of a tag (`stumbled-TAG`, and `steady-TAG` for the one
after them).
"""

import asyncio
import sys
import time
from pathlib import Path
from typing import TextIO, cast

import httptools
import uvloop


class Connection(asyncio.Protocol):
    def __init__(
        self, log: TextIO, unready: set[str], lost: set[str], stumbles: dict[str, int]
    ) -> None:
        self._log = log
        self._lost = lost
        self._stumbles = stumbles
        self._unready = unready
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._started: int | None = None
        self._url = b""
        self._work_ms = 0.0
        self._stream_ms = 0.0
        self._echo: list[bytes] = []
        self._length = 0
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's own class, which is no asyncio.Transport
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._started is None:
            self._started = time.time_ns()
        self._parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self._url = url

    def on_header(self, name: bytes, value: bytes) -> None:
        if name == b"x-work-ms":
            self._work_ms = float(value)
        elif name == b"x-stream-ms":
            self._stream_ms = float(value)
        elif name.startswith(b"x-") or name.lower() == b"host":
            self._echo.append(name + b"=" + value)

    def on_headers_complete(self) -> None:
        _, first, tag, *verb = self._url.decode().split("/")
        if first == "c" and tag in self._lost and verb == ["infer"]:
            self._log.write(f"lost-{tag} {self._started} {time.time_ns()}\n")
            self._refused = True
            assert self._transport is not None
            self._transport.write(
                b"HTTP/1.1 503 Service Unavailable\r\nx-refused: yes\r\ncontent-length: 0\r\n\r\n"
            )

    def on_body(self, body: bytes) -> None:
        self._length += len(body)

    def on_message_complete(self) -> None:
        if self._refused:
            self._take()
            return
        loop = asyncio.get_running_loop()
        if self._stream_ms:
            assert self._transport is not None
            self._transport.write(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n"
            )
            loop.call_later(self._stream_ms / 1000, self._end_stream, *self._take())
        elif self._work_ms:
            loop.call_later(self._work_ms / 1000, self._answer, *self._take())
        else:
            self._answer(*self._take())

    def _take(self) -> tuple[bytes, int, int, list[bytes]]:
        taken = (self._url, self._started or time.time_ns(), self._length, self._echo)
        self._started, self._work_ms, self._stream_ms = None, 0.0, 0.0
        self._length, self._echo, self._refused = 0, [], False
        return taken

    def _end_stream(self, url: bytes, started: int, length: int, echo: list[bytes]) -> None:
        tag = url.decode().split("/")[2]
        self._log.write(f"{tag} {started} {time.time_ns()}\n")
        assert self._transport is not None
        self._transport.write(b"0\r\n\r\n")

    def _answer(self, url: bytes, started: int, length: int, echo: list[bytes]) -> None:
        status = b"200 OK"
        _, first, tag, *verb = url.decode().split("/")
        if first == "unready":
            self._unready.add(tag)
        elif first == "lose":
            self._lost.add(tag)
        elif first == "ready":
            self._unready.discard(tag)
        elif first == "stumble":
            self._stumbles[tag] = 2
        elif verb == ["ready"]:
            if tag in self._unready:
                status = b"400 Bad Request"
            elif tag in self._stumbles:
                self._stumbles[tag] -= 1
                if self._stumbles[tag] < 0:
                    del self._stumbles[tag]
                    self._log.write(f"steady-{tag} {started} {time.time_ns()}\n")
                else:
                    self._log.write(f"stumbled-{tag} {started} {time.time_ns()}\n")
                    status = b"503 Service Unavailable"
        else:
            self._log.write(f"{tag} {started} {time.time_ns()}\n")
        body = b"%s %d %s" % (url, length, b",".join(echo))
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 %s\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%s"
            % (status, len(body), body)
        )


async def serve(port_file: Path, log: TextIO) -> None:
    unready: set[str] = set()
    lost: set[str] = set()
    stumbles: dict[str, int] = {}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(log, unready, lost, stumbles), "127.0.0.1", 0, backlog=4096
    )
    unfinished = port_file.with_suffix(".new")
    unfinished.write_text(str(server.sockets[0].getsockname()[1]))
    unfinished.replace(port_file)
    await server.serve_forever()


if __name__ == "__main__":
    with Path(sys.argv[2]).open("w", buffering=1) as log_file:
        uvloop.run(serve(Path(sys.argv[1]), log_file))
