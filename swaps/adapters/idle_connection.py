"""For how long does a host keep a connection open on which nothing is asked?

One connection of its own, by which one answer came, and which is then left alone and looked at: by
the socket's readiness, so that nothing is sent on it.
"""

import ssl
import time
from types import TracebackType
from typing import Self

import httpcore

from swaps.adapters.bounded import BoundedNetwork, within
from swaps.adapters.contract import Upstream
from swaps.adapters.errors import HostUnreachable
from swaps.adapters.transport import ANSWER_SECONDS, CONNECT_SECONDS, MAX_ANSWER_BYTES
from swaps.domain.host_addresses import in_url
from swaps.domain.texts import sentence


class IdleConnection:
    """`open_seconds`: for so long it was seen to be open. A look that comes late makes it less
    than the truth, and never more.
    """

    def __init__(self, connection: httpcore.HTTPConnection) -> None:
        self._connection = connection
        self._idle_since = time.monotonic()
        self.open_seconds = 0.0
        # A host that says `connection: close` with its answer keeps none.
        self.open = not connection.is_closed()

    def look(self) -> bool:
        """Whether it is open still."""
        now = time.monotonic()  # before the look
        if self.open and self._connection.has_expired():
            self.close()
        if self.open:
            self.open_seconds = now - self._idle_since
        return self.open

    def close(self) -> None:
        self.open = False
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def leave_idle(upstream: Upstream, path: str, context: ssl.SSLContext | None) -> IdleConnection:
    """`path`: of something that is answered without a token. Any answer will do: it is about the
    connection. `context`: where there is TLS. Raises HostUnreachable.
    """
    scheme = "https" if upstream.tls else "http"
    request = httpcore.Request(
        "GET",
        f"{scheme}://{in_url(upstream.host)}:{upstream.port}{path}",
        headers={
            "host": f"{in_url(upstream.server_name)}:{upstream.port}",
            "accept-encoding": "identity",
        },
        extensions={
            "timeout": {"connect": CONNECT_SECONDS, "read": ANSWER_SECONDS},
            "sni_hostname": upstream.server_name,
        },
    )
    connection = httpcore.HTTPConnection(
        request.url.origin, ssl_context=context, network_backend=BoundedNetwork()
    )
    try:
        with within(ANSWER_SECONDS + CONNECT_SECONDS):
            _ask(connection, request)
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError) as error:
        connection.close()
        raise HostUnreachable(
            f"no answer from {upstream.server_name} port {upstream.port}: {sentence(error, 200)}"
        ) from error
    return IdleConnection(connection)


def _ask(connection: httpcore.HTTPConnection, request: httpcore.Request) -> None:
    response = connection.handle_request(request)
    try:
        read = 0
        for chunk in response.iter_stream():
            read += len(chunk)
            if read > MAX_ANSWER_BYTES:
                raise httpcore.RemoteProtocolError("it answers without end")
    finally:
        response.close()
