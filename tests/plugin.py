"""What several folders of tests share: real hosts, routers and models, and people of each role.

tests/conftest.py registers it. A fixture that one folder alone needs is in that folder's
conftest; builders that are called are in tests.given.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from hotswap_site.embedded.demo_models import make_demo_models
from swaps.access.roles import Role
from swaps.adapters.registry import close_connections
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.engine.shutdown import leave_hosts, shut_down
from swaps.models import ModelHost, ServedModel
from tests.given.people import a_person
from tests.integration.bundled_host.running import TOKEN, RunningHost, running_host
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node, Nodes
from tests.integration.engine.swapping import OPERATOR
from tests.integration.readings.rows import a_cluster, a_host, a_model, a_node, acked, placed
from tests.integration.router.parts import REPOSITORY, EnvoyNode, RouterCommand, eventually

# -- people --


@pytest.fixture
def signed_in(db: None) -> Callable[[Role | None], Client]:
    def sign_in(role: Role | None) -> Client:
        client = Client()
        client.force_login(a_person(role))
        return client

    return sign_in


@pytest.fixture
def viewer(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.VIEWER)


@pytest.fixture
def operator(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.OPERATOR)


@pytest.fixture
def administrator(signed_in: Callable[[Role | None], Client]) -> Client:
    return signed_in(Role.ADMINISTRATOR)


# -- rows --


@pytest.fixture
def iris(db: None) -> ServedModel:
    """1.0 serves on alpha, 1.1 is there too; one router node."""
    model = a_model(weights={"1.0": 100})
    alpha = a_host()
    placed(model, "1.0", alpha)
    placed(model, "1.1", alpha, "available")
    a_cluster(model, "1.0")
    acked(a_node(), model, 1)
    return model


@pytest.fixture
def audit_head(settings: Settings, tmp_path: Path) -> Path:
    """Each test's log is a new one, and so is what the machine remembers of it."""
    settings.AUDIT_HEAD = tmp_path / "audit_head.json"
    return tmp_path / "audit_head.json"


# -- model hosts --


@pytest.fixture(scope="session")
def demo_models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's models; not to be changed."""
    repository = tmp_path_factory.mktemp("demo-models")
    make_demo_models(repository)
    return repository


@pytest.fixture(scope="session")
def bundled_host(
    demo_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningHost]:
    """Asked only whether it has a version: nobody loads one."""
    with running_host(demo_models, tmp_path_factory.mktemp("host")) as host:
        yield host


@pytest.fixture
def real_iris(iris: ServedModel, bundled_host: RunningHost) -> Iterator[ServedModel]:
    """`iris` on a real host, which has files of 1.0, 1.1 and 1.2."""
    ModelHost.objects.update(url=bundled_host.url)
    host = ModelHost.objects.get()
    host.control_token = TOKEN
    host.save()
    yield iris
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


# -- the engine --


@pytest.fixture(scope="session")
def listens_until_the_end(django_db_setup: None) -> Iterator[None]:
    """A worker listens for nodes as long as it lives; here the database ends first."""
    yield
    shut_down()


@pytest.fixture
def engine_at_rest(listens_until_the_end: None) -> Iterator[None]:
    """No call and no connection of one test reaches into the next."""
    yield
    leave_hosts()


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


# -- routers: one set a test, as each test has its own database content and its own Envoy --


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
