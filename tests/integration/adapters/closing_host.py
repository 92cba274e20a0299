"""A server that closes a connection on which nothing is asked, and knows who closed it first."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class ClosingHost:
    url: str = ""
    port: int = 0
    says_that_it_closes: bool = False
    # Of connections that an inference came by: who closed them, "host" or "client".
    closed_by: list[str] = field(default_factory=list)


@contextmanager
def a_host_that_closes(after_seconds: float) -> Iterator[ClosingHost]:
    """It answers everything with `{}`."""
    host = ClosingHost()

    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        inferred = False

        def setup(self) -> None:
            self.timeout = after_seconds
            super().setup()

        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("content-length") or 0))
            self.inferred = self.inferred or self.path.endswith("/infer")
            self.send_response(200)
            self.send_header("content-length", "2")
            if host.says_that_it_closes:
                self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(b"{}")

        do_POST = do_GET

        def log_error(self, *_: Any) -> None:
            """Told when the time is over, and never where the client has gone before."""
            if self.inferred:
                host.closed_by.append("host")
                self.inferred = False

        def log_message(self, *_: Any) -> None:
            pass

        def finish(self) -> None:
            super().finish()
            if self.inferred:
                host.closed_by.append("client")

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        host.port = server.server_port
        host.url = f"http://127.0.0.1:{host.port}"
        try:
            yield host
        finally:
            server.shutdown()
            thread.join()
