"""Only our own proxies are believed when they say whom they speak for."""

from ipaddress import ip_network
from typing import Any

import pytest

from hotswap_site.trusted_proxies import as_the_proxies_say

PROXIES = (ip_network("10.0.0.0/24"), ip_network("fd00:1::/64"))


def scope(peer: str | None, **headers: str) -> dict[str, Any]:
    return {
        "type": "http",
        "scheme": "http",
        "client": [peer, 4711] if peer else None,
        "headers": [(b"host", b"hotswap")]
        + [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("203.0.113.9", "198.51.100.7", "203.0.113.9"),  # anybody can say so
        ("10.0.0.2", "198.51.100.7", "198.51.100.7"),
        ("10.0.0.2", "1.2.3.4, 198.51.100.7", "198.51.100.7"),  # the client's own invention
        ("10.0.0.2", "198.51.100.7, 10.0.0.3", "198.51.100.7"),  # a proxy behind a proxy
        ("10.0.0.2", "10.0.0.4, 10.0.0.3", "10.0.0.4"),  # a call from a proxy itself
        ("10.0.0.2", "198.51.100.7:1234", "198.51.100.7"),
        ("10.0.0.2", "[2001:db8::1]:1234", "2001:db8::1"),
        ("10.0.0.2", "::ffff:198.51.100.7", "198.51.100.7"),
        ("::ffff:10.0.0.2", "198.51.100.7", "198.51.100.7"),
        ("fd00:1::5", "2001:db8::1", "2001:db8::1"),
        ("10.0.0.2", "198.51.100.7, nonsense", "10.0.0.2"),
        ("10.0.0.2", "unknown", "10.0.0.2"),
        ("10.0.0.2", "", "10.0.0.2"),
    ],
)
def test_the_client_is_the_nearest_that_is_no_proxy_of_ours(
    peer: str, forwarded_for: str, client: str
) -> None:
    found = as_the_proxies_say(scope(peer, x_forwarded_for=forwarded_for), PROXIES)
    assert found["client"] == [client, 4711]
    assert found["headers"] == [(b"host", b"hotswap")]


@pytest.mark.parametrize(
    ("kind", "peer", "forwarded", "scheme"),
    [
        ("http", "10.0.0.2", "https", "https"),
        ("websocket", "10.0.0.2", "https", "wss"),
        ("http", "10.0.0.2", "http", "http"),
        ("http", "203.0.113.9", "https", "http"),
        ("http", None, "https", "http"),
    ],
)
def test_the_scheme_is_what_a_trusted_proxy_says(
    kind: str, peer: str | None, forwarded: str, scheme: str
) -> None:
    asked = scope(peer, x_forwarded_proto=forwarded) | {"type": kind}
    found = as_the_proxies_say(asked, PROXIES)
    assert found["scheme"] == (scheme if scheme != "http" else asked["scheme"])


def test_without_trusted_proxies_nobody_is_believed() -> None:
    found = as_the_proxies_say(
        scope("127.0.0.1", x_forwarded_for="1.2.3.4", x_forwarded_proto="https"), ()
    )
    assert (found["client"][0], found["scheme"]) == ("127.0.0.1", "http")
