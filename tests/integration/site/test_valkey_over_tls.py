"""`rediss://`: nobody's password goes to a server that our authorities do not vouch for."""

import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.integration.engine.tls_in_front import make_certificates

CLIENTS = {
    "live figures": "from swaps.live.valkey import valkey_trouble; print(valkey_trouble())",
    "throttles": "from swaps.access.throttles import try_login; try_login('somebody', '127.0.0.1')",
    "messages to workers": (
        "from swaps.live import broker; broker.send_soon('swaps.sweep');"
        " broker.wait_until_sent(20); print(broker.broker_trouble())"
    ),
    "workers": (
        "from celery import current_app as app;"
        " app.connection_for_read().ensure_connection(max_retries=1).default_channel"
    ),
    "page nudges": (
        "import asyncio; from channels.layers import get_channel_layer as layer\n"
        "async def send():\n"
        "    async with asyncio.timeout(5): await layer().group_send('fleet', {'type': 'nudge'})\n"
        "asyncio.run(send())"
    ),
}


class TlsServer:
    """Takes connections, and keeps what it is told; answers nothing."""

    def __init__(self, certificate: Path) -> None:
        self.told: list[bytes] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = self._listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                taken, _ = self._listening.accept()
                with taken, suppress(OSError):
                    taken.settimeout(10)
                    with self._context.wrap_socket(taken, server_side=True) as spoken:
                        self.told.append(spoken.recv(65536))

    def close(self) -> None:
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(20)


@contextmanager
def a_server(folder: Path) -> Iterator[tuple[TlsServer, Path]]:
    authority, certificate = make_certificates(folder, "127.0.0.1")
    server = TlsServer(certificate)
    try:
        yield server, authority
    finally:
        server.close()


@pytest.mark.parametrize("client", CLIENTS)
def test_the_password_goes_to_a_server_that_is_vouched_for_and_to_no_other(
    client: str, tmp_path: Path
) -> None:
    with a_server(tmp_path) as (server, authority):
        _run(CLIENTS[client], server.port, tmp_path)
        assert b"".join(server.told) == b"", "told to whoever answers"
        _run(CLIENTS[client], server.port, tmp_path, HOTSWAP_VALKEY_CA_FILE=str(authority))
    assert any(b"the-password" in told for told in server.told), "it is never told at all"


def test_a_file_of_authorities_that_is_not_there_is_said_at_once(tmp_path: Path) -> None:
    ended = _run("pass", 1, tmp_path, HOTSWAP_VALKEY_CA_FILE=str(tmp_path / "none.pem"))
    assert ended.returncode != 0
    assert "HOTSWAP_VALKEY_CA_FILE" in ended.stderr


def _run(code: str, port: int, home: Path, **env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", f"import django; django.setup()\n{code}"],
        env={
            **os.environ,
            **env,
            "DJANGO_SETTINGS_MODULE": "hotswap_site.settings",
            "HOTSWAP_HOME": str(home),
            "VALKEY_URL": f"rediss://hotswap:the-password@127.0.0.1:{port}/0",
        },
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
