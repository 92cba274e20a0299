"""Real Postgres, Valkey and model hosts; the hosts live as long as the session."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from swaps.adapters.registry import close_connections
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.engine.hosts.calls import stop_calling
from swaps.engine.hosts.keep_alive import stop_measuring
from swaps.engine.hosts.rounds import stop_rounds
from swaps.engine.shutdown import shut_down
from tests.integration.bundled_host.conftest import demo_models
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import OPERATOR
from tests.integration.router.conftest import envoy, new_envoy, router, sockets

__all__ = ["demo_models", "envoy", "new_envoy", "router", "sockets"]


@pytest.fixture(scope="session", autouse=True)
def _shut_down(django_db_setup: None) -> Iterator[None]:
    """A worker listens for nodes as long as it lives; here the database ends first."""
    yield
    shut_down()


@pytest.fixture(autouse=True)
def _no_connection_stays_open() -> Iterator[None]:
    yield
    stop_measuring()
    stop_rounds()
    stop_calling()
    close_connections()


@pytest.fixture(scope="session")
def long_lived_hosts(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, HostOfTests]]:
    with ExitStack() as ends:
        hosts = {}
        for name in ("alpha", "beta"):
            host = HostOfTests(name, tmp_path_factory.mktemp(name), demo_models)
            ends.callback(host.close)
            hosts[name] = host.start()
        yield hosts


@pytest.fixture
def alpha(long_lived_hosts: dict[str, HostOfTests]) -> HostOfTests:
    return long_lived_hosts["alpha"]


@pytest.fixture
def beta(long_lived_hosts: dict[str, HostOfTests]) -> HostOfTests:
    return long_lived_hosts["beta"]


@pytest.fixture(scope="session")
def mortal_of_the_session(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[HostOfTests]:
    host = HostOfTests("mortal", tmp_path_factory.mktemp("mortal"), demo_models)
    try:
        yield host.start()
    finally:
        host.close()


@pytest.fixture
def mortal(mortal_of_the_session: HostOfTests) -> Iterator[HostOfTests]:
    """A host that the test may kill, stop and start again."""
    yield mortal_of_the_session
    mortal_of_the_session.revive()


@pytest.fixture
def nodes(transactional_db: None) -> Iterator[Nodes]:
    with Nodes() as nodes:
        yield nodes


@pytest.fixture
def node(nodes: Nodes) -> Node:
    """One connected node that acks, is warm and proves at once, unless told otherwise."""
    return nodes.connect("edge-1")


@pytest.fixture
def swapper() -> ModelHotSwapper:
    return ModelHotSwapper(OPERATOR)
