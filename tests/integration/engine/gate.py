"""A host that takes as long as a test likes over some of its calls."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx


@dataclass
class Gate:
    """In front of a real host: a call whose path ends in `holds` waits until it is let through."""

    url: str = ""
    holds: str = ""
    refuses: str = ""
    words: str = ""
    held: list[str] = field(default_factory=list)  # paths, as they came
    _open: threading.Event = field(default_factory=threading.Event)

    def hold(self, ending: str) -> None:
        self.holds = ending
        self._open.clear()

    def refuse(self, ending: str, words: str) -> None:
        """Such calls are answered with HTTP 500 and these words."""
        self.refuses, self.words = ending, words

    def let_through(self) -> None:
        self.holds = ""
        self._open.set()

    def let_through_after(self, seconds: float) -> None:
        threading.Timer(seconds, self.let_through).start()

    def wait_if_held(self, path: str) -> None:
        if self.holds and path.endswith(self.holds):
            self.held.append(path)
            self._open.wait()


@contextmanager
def a_gate_before(real: str) -> Iterator[Gate]:
    """`real`: the address of the host behind it."""
    gate = Gate()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            gate.wait_if_held(self.path)
            if gate.refuses and self.path.endswith(gate.refuses):
                self._answer(500, json.dumps({"error": gate.words}).encode())
                return
            sent = {k: v for k, v in self.headers.items() if k.lower() not in _OWN}
            answer = httpx.request(
                self.command, real + self.path, content=body, headers=sent, timeout=60
            )
            self._answer(answer.status_code, answer.content)

        def _answer(self, status: int, content: bytes) -> None:
            try:
                self.send_response(status)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)
            except OSError:
                pass  # whoever asked has gone

        do_POST = do_GET

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        gate.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield gate
        finally:
            gate.let_through()
            server.shutdown()
            thread.join()


_OWN = {"host", "content-length", "connection"}
