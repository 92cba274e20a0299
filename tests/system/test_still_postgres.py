"""A Postgres that stands still, and clients who give up meanwhile: the console comes back."""

import asyncio
import contextlib
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from hotswap_site.embedded.paths import HotswapHome
from hotswap_site.embedded.ports import free_port
from hotswap_site.embedded.stack import Stack
from hotswap_site.embedded.supervisor import Supervisor
from tests.system.fleet import eventually

CONNECTIONS = 4
CLIENTS = 30
STILL_SECONDS = 30


@pytest.fixture
def stack() -> Iterator[Stack]:
    """Postgres, Valkey and a console, without anything behind them."""
    with tempfile.TemporaryDirectory(prefix="hotswap-still-") as folder:
        Path(folder).chmod(0o755)  # Postgres may have to pass as another user
        home = HotswapHome(Path(folder))
        home.create()
        with Supervisor(home.logs, stream=None) as supervisor:
            stack = Stack(home, supervisor, free_port(), free_port())
            stack.env["HOTSWAP_WRONG_TOKENS_PER_MINUTE"] = "1000000"
            stack.start_services()
            stack.start_console(database_pool=CONNECTIONS)
            supervisor.wait_ready("console")
            yield stack


@contextmanager
def standing_still(stack: Stack) -> Iterator[None]:
    pid = stack.supervisor.pid("postgres")
    assert pid is not None
    family = [pid, *_descendants(pid)]
    for one in family:
        _signal(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in family:
            _signal(one, signal.SIGCONT)


def _descendants(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    children = [int(child) for child in found]
    return [one for child in children for one in (child, *_descendants(child))]


def _signal(pid: int, signum: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signum)


def _asks_the_database(stack: Stack) -> int:
    """The status of a call whose token has to be looked for: 401 when that could be done."""
    try:
        return httpx.get(
            f"{stack.console_url}/api/v1/swaps",
            headers={"authorization": "Bearer hs_nobody"},
            timeout=60,
            trust_env=False,
        ).status_code
    except httpx.TransportError:
        return 0


async def _calls_given_up(stack: Stack, seconds: float) -> None:
    """So many clients at a time, each of which waits for two seconds and then hangs up."""

    async def one(client: httpx.AsyncClient) -> None:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                await client.get("/api/v1/swaps", headers={"authorization": "Bearer hs_nobody"})

    until = time.monotonic() + seconds
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=stack.console_url, timeout=2, trust_env=False, limits=limits
    ) as client:
        await asyncio.gather(*(one(client) for _ in range(CLIENTS)))


def test_connections_of_requests_that_were_given_up_come_back(stack: Stack) -> None:
    eventually(lambda: _asks_the_database(stack) == 401, what="a console with its database")
    console = stack.supervisor.pid("console")
    with standing_still(stack):
        asyncio.run(_calls_given_up(stack, STILL_SECONDS))
    eventually(lambda: _asks_the_database(stack) == 401, what="a console that answers again")
    # Not by a new process: what the requests held came back.
    assert stack.supervisor.pid("console") == console


def test_who_stays_is_told_while_postgres_stands_still(stack: Stack) -> None:
    eventually(lambda: _asks_the_database(stack) == 401, what="a console with its database")
    with standing_still(stack):
        assert _asks_the_database(stack) == 503
    eventually(lambda: _asks_the_database(stack) == 401, what="a console that answers again")
