"""A host whose checks pass while nobody reaches it any more: what Envoy sees of one that died, or
was cut off, until the checks notice. Here they never do, so nothing hangs on who is first.

Its checks use one connection, which stays; every later connection fails.
"""

import contextlib
import socket
import threading
from typing import Self

_READY = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class UnreachableHost:
    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=0)
        self.port: int = self._listener.getsockname()[1]
        self._checks: socket.socket | None = None
        self._in_the_queue: list[socket.socket] = []
        self._thread = threading.Thread(target=self._answer_checks, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        for connection in [*self._in_the_queue, *([self._checks] if self._checks else [])]:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        self._thread.join(10)

    def refuse(self) -> None:
        """Nobody listens on the port."""
        self._listener.close()

    def swallow(self) -> None:
        """Connections are neither taken nor refused: the queue for them is full."""
        while True:
            client = socket.socket()
            client.settimeout(0.5)
            self._in_the_queue.append(client)
            try:
                client.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return

    def _answer_checks(self) -> None:
        with contextlib.suppress(OSError):  # the test has ended
            self._checks, _ = self._listener.accept()
            while True:
                asked = b""
                while b"\r\n\r\n" not in asked:
                    more = self._checks.recv(65536)
                    if not more:
                        return
                    asked += more
                self._checks.sendall(_READY)
