"""Kind → adapter, and the connections that adapters of one process share."""

import os
import threading
from collections.abc import Callable

import httpx

from swaps.adapters.bundled import BundledHost
from swaps.adapters.contract import Adapter, HostAddress
from swaps.adapters.errors import Unsupported

_ADAPTERS: dict[str, Callable[[HostAddress, httpx.Client], Adapter]] = {
    BundledHost.kind: BundledHost,
}
KINDS: tuple[str, ...] = tuple(_ADAPTERS)

# Below half of what hosts keep idle connections open (75 s): a call that meets a
# connection the host is just closing would be an outcome unknown for nothing.
_KEEP_ALIVE_SECONDS = 30.0
_CONNECTIONS_PER_HOST = 32

_lock = threading.Lock()
_clients: dict[str, httpx.Client] = {}


def adapter_for(kind: str, address: HostAddress) -> Adapter:
    """The adapter for a host. Cheap: make one whenever you need it.

    Raises Unsupported for an unknown kind or an address that is no http(s) URL.
    """
    if kind not in _ADAPTERS:
        raise Unsupported(f"unknown kind of host {kind!r}; known: {', '.join(KINDS)}")
    try:
        url = httpx.URL(address.url.rstrip("/"))
    except httpx.InvalidURL as error:
        raise Unsupported(f"host {address.name}: {address.url!r} is no URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.query or url.userinfo:
        raise Unsupported(
            f"host {address.name}: the address {address.url!r} must look like "
            "http://HOST:PORT or https://HOST:PORT"
        )
    address = HostAddress(address.name, str(url), address.token)
    return _ADAPTERS[kind](address, _client(url))


def _client(url: httpx.URL) -> httpx.Client:
    """One pool a host: a host that hangs can't use up the connections to the others."""
    origin = f"{url.scheme}://{url.netloc.decode()}"
    with _lock:
        client = _clients.get(origin)
        if client is None:
            client = _clients[origin] = httpx.Client(
                limits=httpx.Limits(
                    max_connections=_CONNECTIONS_PER_HOST,
                    keepalive_expiry=_KEEP_ALIVE_SECONDS,
                ),
                follow_redirects=False,
                # A proxy named in some environment variable must not see our tokens.
                trust_env=False,
                # Certificates are read (tens of ms) only where there is TLS to check.
                verify=url.scheme == "https",
            )
        return client


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
