"""Kind → adapter, and the connections that adapters of one process share."""

import os
import ssl
import threading
from dataclasses import replace
from typing import Protocol

import httpx
from django.conf import settings

from swaps.adapters.bounded import BoundedTransport
from swaps.adapters.bundled import BundledHost
from swaps.adapters.contract import Adapter, Capabilities, HostAddress, Ref
from swaps.adapters.errors import Unsupported
from swaps.adapters.idle_connection import IdleConnection, leave_idle
from swaps.domain.host_addresses import AddressRefused, HostUrl, parse_host_url
from swaps.domain.idle_timeouts import USUAL_SECONDS, idle_timeout


class _Kind(Protocol):
    @property
    def capabilities(self) -> Capabilities: ...

    def __call__(self, address: HostAddress, client: httpx.Client, /) -> Adapter: ...


_ADAPTERS: dict[str, _Kind] = {
    BundledHost.kind: BundledHost,
}
KINDS: tuple[str, ...] = tuple(_ADAPTERS)

_CONNECTIONS_PER_HOST = 32

_lock = threading.Lock()
_clients: dict[tuple[HostUrl, str, float], httpx.Client] = {}


def load_may_stall(kind: str) -> bool:
    """Whether a load on a host of this kind may stall what else the host serves."""
    return kind in _ADAPTERS and _ADAPTERS[kind].capabilities.disturbs_siblings


def idle_timeout_for(kind: str, *, chosen: float | None, measured: float | None) -> float:
    """Seconds; see swaps.domain.idle_timeouts."""
    known = _ADAPTERS.get(kind)
    of_its_kind = known.capabilities.keep_alive_seconds if known else None
    return idle_timeout(chosen=chosen, measured=measured, of_its_kind=of_its_kind)


def adapter_for(kind: str, address: HostAddress) -> Adapter:
    """The adapter for a host. Cheap: make one whenever you need it.

    Raises Unsupported for an unknown kind or an address that is no http(s) URL.
    """
    if kind not in _ADAPTERS:
        raise Unsupported(f"unknown kind of host {kind!r}; known: {', '.join(KINDS)}")
    try:
        url = parse_host_url(address.url)
    except AddressRefused as error:
        raise Unsupported(f"host {address.name}: {error}") from error
    if url.literal is not None:
        address = replace(address, pinned=str(url.literal))
    # A call that meets a connection the host is just closing is an outcome unknown for nothing.
    idle = min(address.idle_seconds, USUAL_SECONDS)
    return _ADAPTERS[kind](address, _client(url, address.pinned, idle))


def left_idle(adapter: Adapter) -> IdleConnection:
    """A connection of its own to where requests go, on which nothing more is asked.

    Raises HostUnreachable.
    """
    upstream = adapter.route(Ref("any", "1"))
    return leave_idle(upstream, adapter.live_path(), _context() if upstream.tls else None)


def _client(url: HostUrl, pinned: str, idle: float) -> httpx.Client:
    """One pool a host: a host that hangs can't use up the connections to the others, and a
    connection made for one name is used for no other.
    """
    about = (url, pinned, idle)
    with _lock:
        client = _clients.get(about)
        if client is None:
            client = _clients[about] = httpx.Client(
                transport=BoundedTransport(
                    # Certificates are read (tens of ms) only where there is TLS to check.
                    context=_context() if url.scheme == "https" else None,
                    connections=_CONNECTIONS_PER_HOST,
                    idle=idle,
                ),
                follow_redirects=False,
                # A proxy named in some environment variable must not see our tokens.
                trust_env=False,
            )
        return client


def _context() -> ssl.SSLContext:
    return ssl.create_default_context(cafile=settings.HOST_CA_FILE)


def close_connections() -> None:
    """Give every connection back; adapters made before must not be used again."""
    with _lock:
        for client in _clients.values():
            client.close()
        _clients.clear()


def _after_fork() -> None:
    """A forked worker must not write into its parent's connections."""
    global _lock
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_after_fork)
