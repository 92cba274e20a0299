"""Who connects, and how, when a proxy stands in front: decided once, at the door.

The audit log and the throttles rely on the client's address, cookies and redirects on the
scheme. Anybody can send `X-Forwarded-…`, so only what HOTSWAP_TRUSTED_PROXIES sends counts.
What comes after this (`REMOTE_ADDR`, `request.is_secure()`, a websocket's `client`) is true,
and nothing else looks at those headers.
"""

import ipaddress
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from django.conf import settings

type Address = ipaddress.IPv4Address | ipaddress.IPv6Address
type Network = ipaddress.IPv4Network | ipaddress.IPv6Network
type Scope = MutableMapping[str, Any]
type Application = Callable[[Scope, Any, Any], Awaitable[Any]]

_FORWARDED_FOR = b"x-forwarded-for"
_FORWARDED_PROTO = b"x-forwarded-proto"
_FORWARDED = {
    *(_FORWARDED_FOR, _FORWARDED_PROTO),
    *(b"forwarded", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-server"),
}
_SECURE = {"http": "https", "websocket": "wss"}


class BelieveTrustedProxies:
    """ASGI middleware, around everything else."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> Any:
        if scope["type"] in _SECURE:
            scope = as_the_proxies_say(scope, settings.TRUSTED_PROXIES)
        return await self._application(scope, receive, send)


def as_the_proxies_say(scope: Scope, trusted: Iterable[Network]) -> Scope:
    """The scope with the client's own address and scheme, and without forwarding headers."""
    trusted = tuple(trusted)
    headers = scope.get("headers") or []
    forwarded = [(name.lower(), value) for name, value in headers if name.lower() in _FORWARDED]
    if not forwarded:
        return scope
    changed = {
        **scope,
        "headers": [(name, value) for name, value in headers if name.lower() not in _FORWARDED],
    }
    client = scope.get("client")
    peer = _address(str(client[0])) if client else None
    if client is None or peer is None or not _among(peer, trusted):
        return changed
    hops = _words(forwarded, _FORWARDED_FOR)
    changed["client"] = [str(client_address(peer, hops, trusted)), client[1]]
    if _words(forwarded, _FORWARDED_PROTO)[:1] == ["https"]:
        changed["scheme"] = _SECURE[scope["type"]]
    return changed


def client_address(peer: Address, hops: list[str], trusted: tuple[Network, ...]) -> Address:
    """The nearest address that is no trusted proxy.

    Read from the right, where our own proxies write: further left stands what the client
    made up. A word that is no address ends the search at the proxy that passed it on.
    """
    found = peer
    for hop in reversed(hops):
        if not _among(found, trusted):
            break
        address = _address(hop)
        if address is None:
            break
        found = address
    return found


def _words(forwarded: list[tuple[bytes, bytes]], name: bytes) -> list[str]:
    together = b",".join(value for other, value in forwarded if other == name).decode("latin-1")
    return [word.strip() for word in together.split(",") if word.strip()]


def _address(text: str) -> Address | None:
    """Of an address, also with a port as some proxies add it."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return address.ipv4_mapped or address
    return address


def _among(address: Address, networks: Iterable[Network]) -> bool:
    return any(address in network for network in networks)
