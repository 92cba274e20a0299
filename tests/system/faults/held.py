"""A request that is half sent: in flight for as long as a test wants, without any work."""

import json
import socket
from urllib.parse import urlsplit

# Less than what hosts and router give a client to finish its body.
ANSWER_SECONDS = 50.0


class HeldRequest:
    """Opened at once; `release` sends the rest and returns the answer's status, 0 for none."""

    def __init__(self, url: str, path: str, body: object, **headers: str) -> None:
        content = json.dumps(body).encode()
        self._rest = content[len(content) // 2 :]
        head = [
            f"POST {path} HTTP/1.1",
            f"host: {urlsplit(url).netloc}",
            "content-type: application/json",
            f"content-length: {len(content)}",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        address = urlsplit(url)
        assert address.hostname is not None
        assert address.port is not None
        self._socket = socket.create_connection((address.hostname, address.port), timeout=10)
        self._socket.settimeout(ANSWER_SECONDS)
        self._socket.sendall("\r\n".join([*head, "", ""]).encode() + content[: len(content) // 2])
        self._status: int | None = None

    def release(self) -> int:
        if self._status is None:
            self._status = self._finish()
        return self._status

    def _finish(self) -> int:
        try:
            with self._socket:
                self._socket.sendall(self._rest)
                line = self._socket.makefile("rb").readline().split()
        except OSError:
            return 0
        return int(line[1]) if len(line) > 1 else 0
