"""How much an Envoy lets in: for the settings, and for whoever starts Envoys and model hosts.

Each raises EmbeddedError. Only the standard library: the settings import this.
"""

from hotswap_site.environment import whole


def body_mib() -> int:
    """The largest body that is let in. It is kept until its host begins to answer."""
    return whole("HOTSWAP_ROUTER_BODY_MIB", 16, least=1, most=1024, what="MiB")


def memory_mib() -> int:
    """What one Envoy may take for all the requests that it has."""
    return whole("HOTSWAP_ROUTER_MEMORY_MIB", 1024, least=128, most=1024 * 1024, what="MiB")


def headers_kib() -> int:
    """What all headers of a request may take together."""
    return whole("HOTSWAP_ROUTER_HEADERS_KIB", 60, least=8, most=1024, what="KiB")


def headers() -> int:
    """So many fields a request may have."""
    return whole("HOTSWAP_ROUTER_HEADERS", 100, least=20, most=10_000, what="fields")


def flush_ms() -> int:
    """How often it says what is in flight; what is too seldom, its bootstrap says."""
    return whole("HOTSWAP_ROUTER_FLUSH_MS", 5, least=1, most=60_000, what="milliseconds")
