"""Real parts, one set a test: each test has its own database content and its own Envoy."""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
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
            eventually(node.listens, f"Envoy listens: {node.output()} {router.output()}")
            return node

        yield start


@pytest.fixture
def envoy(new_envoy: Callable[..., EnvoyNode]) -> EnvoyNode:
    return new_envoy()


@pytest.fixture
def upstream(sockets: Path) -> Iterator[int]:
    """The port of a model host that answers everything; its log is `sockets / upstream.log`."""
    with _an_upstream(sockets, "upstream") as port:
        yield port


@pytest.fixture
def second_upstream(sockets: Path) -> Iterator[int]:
    with _an_upstream(sockets, "second_upstream") as port:
        yield port


@contextmanager
def _an_upstream(folder: Path, name: str) -> Iterator[int]:
    port_file = folder / f"{name}.port"
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "tests.integration.router.upstream"),
            *(str(port_file), str(folder / f"{name}.log")),
        ],
        cwd=REPOSITORY,
    )
    try:
        eventually(port_file.exists, "the upstream listens")
        yield int(port_file.read_text())
    finally:
        process.kill()
        process.wait()
