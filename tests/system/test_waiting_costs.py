"""Who waits for a swap holds neither a thread nor a database connection of the server."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection

from swaps.access.roles import Role
from tests.given.console_process import Console
from tests.integration.api.caller import Caller
from tests.integration.bundled_host.running import wait_until
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

CALLERS = 30
FEW = 8


@pytest.fixture
def console(transactional_db: None, tmp_path: Path) -> Iterator[Console]:
    console = Console(tmp_path / "daphne.log")
    console.start()
    yield console
    console.close()


def connections() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def call(address: str, path: str, token: str) -> socket.socket:
    """Sends the request, and reads nothing yet."""
    there = urlsplit(address)
    opened = socket.create_connection((there.hostname, there.port), timeout=60)
    head = (f"GET /api/v1/{path} HTTP/1.1", "Host: localhost", f"Authorization: Bearer {token}")
    opened.sendall("\r\n".join([*head, "", ""]).encode())
    return opened


@pytest.mark.parametrize(
    ("path", "streams"),
    [
        ("swaps/{swap}/stream", True),
        ("swaps/{swap}?wait_seconds=600", False),
        ("models/iris/versions/1.0/drainage?timeout_seconds=600", False),
    ],
)
def test_callers_who_wait_hold_no_thread_and_no_connection(
    path: str, streams: bool, console: Console
) -> None:
    model = a_model("iris", weights={"1.0": 100})
    placed(model, "1.0", a_host(url="http://127.0.0.1:9"))
    path = path.format(swap=a_swap(model, state="Transitioning").pk)
    token = Caller(Role.VIEWER).token
    process = console.process
    with ExitStack() as callers:
        first = callers.enter_context(call(console.address, path, token))
        if streams:
            assert first.recv(100).startswith(b"HTTP/1.1 200")
        alone, used = process.num_threads(), connections()
        others = [callers.enter_context(call(console.address, path, token)) for _ in range(CALLERS)]
        for one in others if streams else []:
            assert one.recv(100).startswith(b"HTTP/1.1 ")
        # All have come in: so many sockets are open there.
        wait_until(lambda: len(process.net_connections()) > CALLERS, "the callers at the server")
        wait_until(lambda: process.num_threads() < alone + FEW, "few threads for many callers")
        assert connections() <= used + FEW
