"""How much an Envoy lets in: for the settings, and for whoever starts Envoys and model hosts.

Only the standard library: the settings import this.
"""

import os

from hotswap_site.embedded.errors import EmbeddedError


def body_mib() -> int:
    """The largest body that is let in. It is kept until its host begins to answer."""
    return _number("HOTSWAP_ROUTER_BODY_MIB", 16, least=1, most=1024, what="MiB")


def memory_mib() -> int:
    """What one Envoy may take for all the requests that it has."""
    return _number("HOTSWAP_ROUTER_MEMORY_MIB", 1024, least=128, most=1024 * 1024, what="MiB")


def headers_kib() -> int:
    """What all headers of a request may take together."""
    return _number("HOTSWAP_ROUTER_HEADERS_KIB", 60, least=8, most=1024, what="KiB")


def headers() -> int:
    """So many fields a request may have."""
    return _number("HOTSWAP_ROUTER_HEADERS", 100, least=20, most=10_000, what="fields")


def _number(name: str, default: int, *, least: int, most: int, what: str) -> int:
    """Raises EmbeddedError."""
    text = os.environ.get(name) or str(default)
    if not text.isdecimal() or not least <= int(text) <= most:
        raise EmbeddedError(f"{name}: {text!r} is not a number of {what} from {least} to {most}")
    return int(text)
