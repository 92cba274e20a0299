"""Connections of which every exchange has one deadline, whatever the host does with it.

The client's own timeouts are for each read, so a host that sends a byte now and then would
hold its caller as long as it liked. Here each read has what is left of the whole.
"""

import ssl
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

_this_thread = threading.local()


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """All that this thread reads and writes meanwhile has this long, together.

    What comes too late is httpx.ReadTimeout or httpx.WriteTimeout.
    """
    _this_thread.deadline = time.monotonic() + seconds
    try:
        yield
    finally:
        _this_thread.deadline = None


def _left(timeout: float | None, late: type[Exception]) -> float | None:
    deadline: float | None = getattr(_this_thread, "deadline", None)
    if deadline is None:
        return timeout
    left = deadline - time.monotonic()
    if left <= 0:
        raise late("the time for the whole exchange is over")
    return left if timeout is None else min(timeout, left)


class _BoundedStream(httpcore.NetworkStream):
    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, _left(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, _left(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        return _BoundedStream(self._stream.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class BoundedNetwork(httpcore.NetworkBackend):
    """TCP alone: a host is never reached by a unix socket."""

    def __init__(self) -> None:
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(timeout, httpcore.ConnectTimeout)
        stream = self._network.connect_tcp(host, port, left, local_address, socket_options)
        return _BoundedStream(stream)


class BoundedTransport(httpx.HTTPTransport):
    """httpx's own transport, over a pool with the network above, which it takes no choice of."""

    def __init__(self, *, context: ssl.SSLContext | None, connections: int, idle: float) -> None:
        """`context`: None where there is no TLS to check. `idle`: seconds."""
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=connections,
            max_keepalive_connections=connections,
            keepalive_expiry=idle,
            network_backend=BoundedNetwork(),
        )
