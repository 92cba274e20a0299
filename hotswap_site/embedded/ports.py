"""Refuse a taken port before anything is started."""

import errno
import socket

from hotswap_site.embedded.errors import EmbeddedError


def check_port_free(port: int, *, host: str = "127.0.0.1", setting: str | None = None) -> None:
    """Raise EmbeddedError, naming the `setting` that chooses it, unless `port` can be bound.

    Asked before the start, because Envoy binds with SO_REUSEPORT: a second Envoy on a taken
    port would start without a word and share its connections with the first.
    """
    way_out = f"set {setting} to another port" if setting else "choose another port"
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        # As every server does: connections of a server that just ended are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            if getattr(error, "errno", None) == errno.EADDRINUSE:
                reason = "is taken by another program; stop that program, or"
            else:
                reason = f"cannot be used ({getattr(error, 'strerror', None) or error});"
            raise EmbeddedError(f"port {port} on {host} {reason} {way_out}.") from error


def free_port(host: str = "127.0.0.1") -> int:
    """A port that is free just now. Whoever can lets the kernel choose (port 0) instead."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])
