"""Real parts, one set a test: each test has its own database content and its own Envoy."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.integration.router.parts import REPOSITORY, EnvoyNode, RouterCommand, eventually


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A folder with a short path: unix sockets have no room for pytest's."""
    with tempfile.TemporaryDirectory(prefix="hs-") as folder:
        yield Path(folder)


@pytest.fixture
def router(transactional_db: None, sockets: Path) -> Iterator[RouterCommand]:
    command = RouterCommand(sockets / "xds.sock", sockets / "router.log").start()
    yield command
    if command.process is not None and command.process.poll() is None:
        command.stop()


@pytest.fixture
def new_envoy(router: RouterCommand, sockets: Path) -> Iterator[Callable[..., EnvoyNode]]:
    with ExitStack() as ends:

        def start(**more: object) -> EnvoyNode:
            node = EnvoyNode(sockets, [router.socket], **more).start()  # type: ignore[arg-type]
            ends.callback(lambda: node.kill())
            eventually(node.listens, f"Envoy listens: {node.said()} {router.said()}")
            return node

        yield start


@pytest.fixture
def envoy(new_envoy: Callable[..., EnvoyNode]) -> EnvoyNode:
    return new_envoy()


@pytest.fixture
def upstream(sockets: Path) -> Iterator[int]:
    """The port of a model host that answers everything; its log is `sockets / upstream.log`."""
    port_file = sockets / "upstream.port"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.router.upstream"),
            *(str(port_file), str(sockets / "upstream.log")),
        ],
        cwd=REPOSITORY,
    )
    eventually(port_file.exists, "the upstream listens")
    yield int(port_file.read_text())
    process.kill()
    process.wait()
