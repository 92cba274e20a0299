"""A server that answers as it is told, by recorded answers; over a real socket."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.unit.cli.recorded import EVENT_STREAM, Answer, as_sent

PREFIX = "/api/v1/"
Deliver = Callable[["Handler"], None]


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    body: bytes


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Listener"
    status: int  # of the answer; 0: none was given

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        address = urlsplit(self.path)
        request = Request(
            self.command,
            address.path.removeprefix(PREFIX),
            parse_qs(address.query),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(length),
        )
        self.status = 0
        self.server.script.next_for(request)(self)
        self.server.script.answered.append((request, self.status))

    do_GET = do_POST = do_PATCH = do_DELETE = _answer

    def send(self, answer: Answer, *, at_most: int | None = None) -> None:
        """`at_most`: so many bytes, and the connection breaks."""
        if answer.content_type == EVENT_STREAM:
            self.send_events(answer)
            return
        content = answer.content()
        self._begin(answer.status, answer.headers | {"Content-Length": str(len(content))})
        self.wfile.write(content[:at_most])
        self.close_connection = at_most is not None

    def send_events(
        self, answer: Answer, *, cut_after: int | None = None, silent: bool = False
    ) -> None:
        """As the real server: only what is new to one who comes back with Last-Event-ID.

        `cut_after`: so many events, half of the next one, and the connection breaks.
        `silent`: after those events nothing more comes, and the connection stays.
        """
        seen = int(self.headers.get("Last-Event-ID", -1))
        new = [
            one
            for one in answer.body
            if one["id"] is None or one["event"] == "end" or int(one["id"]) > seen
        ]
        self._begin(200, answer.headers | {"Transfer-Encoding": "chunked"})
        for event in new[:cut_after]:
            self._send_piece(as_sent(event))
        if cut_after is None:
            self._send_piece(b"")
        elif silent:
            self.server.script.closing.wait()
            self.close_connection = True
        else:
            half = as_sent(new[cut_after])
            self.wfile.write(f"{len(half):x}\r\n".encode() + half[: len(half) // 2])
            self.close_connection = True

    def _begin(self, status: int, headers: dict[str, str]) -> None:
        self.status = status
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def _send_piece(self, piece: bytes) -> None:
        self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *arguments: object) -> None:
        """A test's output is its own."""


class Listener(ThreadingHTTPServer):
    daemon_threads = True
    script: "Server"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever is cut off, or goes before the end, is no error here."""


@dataclass
class Server:
    """What is asked of it and what it answers; a call that it was not told of fails the test."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    answered: list[tuple[Request, int]] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    _answers: dict[tuple[str, str], list[Deliver]] = field(default_factory=dict)
    _given: dict[tuple[str, str], int] = field(default_factory=dict)

    def answers(self, *answers: Answer) -> None:
        """Of several to the same call, one after the other; the last of them from then on."""
        for answer in answers:
            self.tells(answer.method, answer.path, lambda handler, one=answer: handler.send(one))

    def cuts(self, stream: Answer, *, after: int) -> None:
        """This stream breaks off within the event that follows so many."""
        self.tells("GET", stream.path, lambda handler: handler.send_events(stream, cut_after=after))

    def falls_silent(self, stream: Answer, *, after: int) -> None:
        self.tells(
            "GET",
            stream.path,
            lambda handler: handler.send_events(stream, cut_after=after, silent=True),
        )

    def drops(self, method: str, path: str) -> None:
        """Takes the call, and closes the connection without an answer."""
        self.tells(method, path, lambda handler: setattr(handler, "close_connection", True))

    def tells(self, method: str, path: str, deliver: Deliver) -> None:
        self._answers.setdefault((method, path), []).append(deliver)

    def next_for(self, request: Request) -> Deliver:
        self.requests.append(request)
        call = request.method, request.path
        there = self._answers.get(call)
        if there is None:
            self.unexpected.append(f"{request.method} {request.path}")
            return lambda handler: handler.send_error(501)
        number = self._given.get(call, 0)
        self._given[call] = number + 1
        return there[min(number, len(there) - 1)]

    def asked(self, method: str, path: str) -> list[Request]:
        return [one for one in self.requests if (one.method, one.path) == (method, path)]


@contextmanager
def serving() -> Iterator[Server]:
    listener = Listener(("127.0.0.1", 0), Handler)
    server = Server(f"http://127.0.0.1:{listener.server_port}")
    listener.script = server
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        listener.shutdown()
        thread.join()
        listener.server_close()
