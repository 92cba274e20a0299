"""Over the network only enrolled nodes are spoken to, each as the one that its certificate says."""

import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db.models.functions import Now
from pytest_django.fixtures import Settings

from swaps.access.certificate_folder import CertificateFolder
from swaps.models import (
    AuditEntry,
    ClusterOnNode,
    DrainProof,
    NodeCertificate,
    NodeIncarnation,
    Route,
    ServedModel,
)
from swaps.models.nodes import NodeState
from swaps.readings.router.certificates import read_certificates, warnings_of
from tests.integration.router.enrolled import EnrolledEnvoy
from tests.integration.router.parts import (
    RouterCommand,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    free_port,
    open_watch,
    warm,
)


@pytest.fixture
def certificates(settings: Settings, sockets: Path) -> CertificateFolder:
    settings.XDS_CERTIFICATES = sockets / "xds"
    return CertificateFolder(settings.XDS_CERTIFICATES)


@pytest.fixture
def network_router(
    transactional_db: None, sockets: Path, certificates: CertificateFolder
) -> Iterator[tuple[RouterCommand, int]]:
    certificates.open_authority()
    port = free_port()
    command = RouterCommand(
        sockets / "xds.sock",
        sockets / "router.log",
        {
            "HOTSWAP_XDS_LISTEN": f"127.0.0.1:{port}",
            "HOTSWAP_XDS_CERTIFICATES": str(certificates.path),
        },
    ).start()
    yield command, port
    command.stop()
    print(command.output())  # shown when the test failed


@pytest.fixture
def new_node(
    network_router: tuple[RouterCommand, int], sockets: Path
) -> Iterator[Callable[..., EnrolledEnvoy]]:
    """An Envoy that was enrolled, and not yet started."""
    _, port = network_router
    with ExitStack() as ends:

        def enrol(node_id: str, **options: object) -> EnrolledEnvoy:
            node = EnrolledEnvoy(sockets / node_id, node_id).enrol(port, **options)
            ends.callback(node.kill)
            return node

        yield enrol


def test_an_enrolled_node_gets_routes_serves_and_proves(
    new_node: Callable[..., EnrolledEnvoy], upstream: int
) -> None:
    node = new_node("edge-1").start().wait_until_it_serves()
    route = a_model("iris")
    clusters = [a_cluster(route, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(node, *clusters), "both clusters are warm")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, node), "revision 1 is applied")
    answer = ask(node.port, "POST", "/v2/models/iris/infer")
    assert (answer.status, answer.headers["x-model-version"]) == (200, "1.0")

    watch = commit_route(route, {"1.1": 100}, drain=clusters[0])
    eventually(lambda: DrainProof.objects.filter(watch=watch).exists(), "1.0 is proven idle")
    proof = DrainProof.objects.get(watch=watch)
    assert proof.incarnation.node_id == "edge-1"
    assert proof.incarnation.alone


def prints(node: EnrolledEnvoy, *words: str) -> bool:
    return all(word in node.output() for word in words)


def xds(bootstrap: dict[str, Any]) -> dict[str, Any]:
    [cluster] = bootstrap["static_resources"]["clusters"]
    return cluster  # type: ignore[no-any-return]


def test_a_storm_of_strangers_ends_no_router_process(
    network_router: tuple[RouterCommand, int], new_node: Callable[..., EnrolledEnvoy]
) -> None:
    router, port = network_router

    def knock(times: int) -> None:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        for _ in range(times):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 5) as plain:
                context.wrap_socket(plain).close()

    strangers = [threading.Thread(target=knock, args=(400,)) for _ in range(8)]
    for one in strangers:
        one.start()
    for one in strangers:
        one.join()
    assert router.process is not None
    assert router.process.poll() is None, "it lives"
    new_node("edge-1").start().wait_until_it_serves()


def test_without_a_certificate_of_our_authority_no_stream_begins(
    new_node: Callable[..., EnrolledEnvoy],
    settings: Settings,
    sockets: Path,
    network_router: tuple[RouterCommand, int],
) -> None:
    honest = new_node("honest")

    def without_certificate(bootstrap: dict[str, Any]) -> None:
        bootstrap["node"]["metadata"]["nonce"] = "n-1"
        tls = xds(bootstrap)["transport_socket"]["typed_config"]["common_tls_context"]
        del tls["tls_certificate_sds_secret_configs"]

    def without_tls(bootstrap: dict[str, Any]) -> None:
        bootstrap["node"]["metadata"]["nonce"] = "n-2"
        del xds(bootstrap)["transport_socket"]

    new_node("bare").start_with(without_certificate)
    new_node("plain").start_with(without_tls)
    ours = CertificateFolder(settings.XDS_CERTIFICATES).authority.read_bytes()
    settings.XDS_CERTIFICATES = sockets / "elsewhere"
    stranger = new_node("stranger")
    (stranger.folder / "ca.crt").write_bytes(ours)  # it would trust us
    stranger.start()
    router, _ = network_router
    for why in (
        "PEER_DID_NOT_RETURN_A_CERTIFICATE",
        "WRONG_VERSION_NUMBER",  # no TLS at all
        "certificate signature failure",
    ):
        eventually(lambda it=why: it in router.output(), f"hung up on: {why}")  # type: ignore[misc]
    honest.start().wait_until_it_serves()
    assert set(NodeIncarnation.objects.values_list("node_id", flat=True)) == {"honest"}
    assert "node refused" not in router.output(), "none came so far as to say a word"


def test_a_node_does_not_take_routes_from_whoever_is_no_router_process(
    new_node: Callable[..., EnrolledEnvoy], certificates: CertificateFolder
) -> None:
    """One enrolled node must not be able to give routes to the others."""
    victim, other = new_node("edge-1"), new_node("edge-2")
    certificates.router.write_bytes((other.folder / "node.pem").read_bytes())
    victim.start()
    eventually(lambda: prints(victim, "CERTIFICATE_VERIFY_FAILED"), "it does not believe it")
    assert not NodeIncarnation.objects.exists()


def test_a_node_that_says_it_is_another_is_refused_and_that_is_on_record(
    new_node: Callable[..., EnrolledEnvoy], network_router: tuple[RouterCommand, int]
) -> None:
    def as_edge_1(bootstrap: dict[str, Any]) -> None:
        bootstrap["node"]["id"] = "edge-1"
        bootstrap["node"]["metadata"]["nonce"] = "n-1"

    liar = new_node("edge-2").start_with(as_edge_1)
    why = "node edge-2 says that it is node edge-1"
    eventually(lambda: prints(liar, why), "it is told")
    assert not NodeIncarnation.objects.exists()
    entry = AuditEntry.objects.filter(action="connect-node").latest("pk")
    assert (entry.outcome, entry.object_name, entry.reason) == ("refused", "edge-2", why)
    assert (entry.source, entry.address) == ("router", "127.0.0.1")
    assert why in network_router[0].output()


def test_a_node_cannot_prove_anything_for_another_ones_run(
    new_node: Callable[..., EnrolledEnvoy], upstream: int
) -> None:
    node = new_node("edge-1").start().wait_until_it_serves()
    # Of a model without a route: two flushes that cover it are a proof.
    cluster = a_cluster(Route(model=ServedModel.objects.create(name="iris")), "1.0", upstream)

    def only_metrics(nonce: str) -> Callable[[dict[str, Any]], None]:
        """An Envoy that has a cluster of that name, and asks for no routes."""

        def change(bootstrap: dict[str, Any]) -> None:
            del bootstrap["dynamic_resources"]
            bootstrap["node"]["metadata"]["nonce"] = nonce
            idle = xds(bootstrap) | {"name": cluster.name}
            bootstrap["static_resources"]["clusters"].append(idle)

        return change

    own_watch = open_watch(cluster)
    eventually(lambda: DrainProof.objects.filter(watch=own_watch).exists(), "edge-1 proves")
    nonce = node.nonce
    node.kill()
    eventually(lambda: node.row.state == NodeState.AWAY, "edge-1 is away, and proves no more")
    NodeIncarnation.objects.filter(nonce=nonce).update(state=NodeState.CONNECTED)  # as if not
    watch = open_watch(cluster)
    ClusterOnNode.objects.all().delete()
    new_node("edge-2").start_with(only_metrics(nonce))
    why = f"node edge-2 claims a run of node edge-1 (nonce {nonce})"
    eventually(lambda: AuditEntry.objects.filter(reason=why).exists(), "it is refused")
    assert not DrainProof.objects.filter(watch=watch).exists()
    assert not ClusterOnNode.objects.exists()

    # What it sends would have been believed, had it come from the node that it is about.
    def believed() -> bool:
        # The router's own sweep finds in between that this run is away.
        run = NodeIncarnation.objects.filter(nonce=nonce)
        run.update(node_id="edge-2", state=NodeState.CONNECTED)
        return ClusterOnNode.objects.exists()

    eventually(believed, "its own is believed")


def test_an_unenrolled_node_is_cut_off_and_comes_back_once_it_is_enrolled_again(
    new_node: Callable[..., EnrolledEnvoy], network_router: tuple[RouterCommand, int]
) -> None:
    node = new_node("edge-1")
    path = node.folder / "envoy.json"
    assert '"max_connection_duration": "30s"' in path.read_text()
    path.write_text(path.read_text().replace("30s", "0.5s"))  # no test waits that long
    node.start().wait_until_it_serves()

    call_command("unenrolnode", "edge-1", reason="its machine was sold")
    eventually(lambda: node.row.state == NodeState.AWAY, "its streams are ended")
    eventually(lambda: prints(node, "is not enrolled with this certificate"), "and refused")
    entry = AuditEntry.objects.get(action="unenrol-node")
    assert (entry.object_name, entry.reason) == ("edge-1", "its machine was sold")
    assert node.row.state == NodeState.AWAY
    with pytest.raises(CommandError, match="no node edge-1 is enrolled"):
        call_command("unenrolnode", "edge-1")

    node.enrol()  # a new certificate, in the same folder, while its Envoy runs
    eventually(lambda: node.row.state == NodeState.CONNECTED, "it is back, without a restart")
    assert NodeIncarnation.objects.count() == 1


def test_a_renewed_certificate_takes_over_when_the_earlier_one_ends(
    new_node: Callable[..., EnrolledEnvoy], network_router: tuple[RouterCommand, int]
) -> None:
    node = new_node("edge-1")
    path = node.folder / "envoy.json"
    path.write_text(path.read_text().replace("30s", "0.5s"))
    node.start().wait_until_it_serves()
    stream = node.row.stream
    node.enrol()
    assert node.row.stream == stream, "nothing was interrupted"
    first = NodeCertificate.objects.filter(node_id="edge-1").earliest("issued_at")
    NodeCertificate.objects.filter(pk=first.pk).update(expires_at=Now())
    eventually(
        lambda: node.row.stream != stream and node.row.state == NodeState.CONNECTED,
        "it is back with the other one",
    )
    assert node.serves()


def test_who_is_cut_off_soon_is_said_by_what_is_really_shown(
    new_node: Callable[..., EnrolledEnvoy], sockets: Path
) -> None:
    node = new_node("edge-1", days=3).start().wait_until_it_serves()
    ends = {one.holder: one for one in read_certificates()}
    assert set(ends) == {"node", "router-process", "authority"}
    assert ends["authority"].warning is None
    assert "`manage.py enrolnode edge-1` renews it" in (ends["node"].warning or "")
    # Renewed into a folder that stays here: the node shows what it has.
    EnrolledEnvoy(sockets / "elsewhere", "edge-1").enrol(free_port())
    [output] = warnings_of(read_certificates())
    assert output.startswith("node edge-1 still shows a certificate that ends on ")
    # Brought to it, and connected again (of itself within a day).
    (node.folder / "node.pem").write_bytes((sockets / "elsewhere" / "node.pem").read_bytes())
    node.kill()
    node.start().wait_until_it_serves()
    eventually(lambda: warnings_of(read_certificates()) == [], "nothing is left to be warned of")


def test_a_node_that_is_started_anew_holds_up_no_drain_by_the_process_it_was(
    new_node: Callable[..., EnrolledEnvoy],
) -> None:
    node = new_node("edge-1").start().wait_until_it_serves()
    first = node.row
    second_start = subprocess.run(
        [node.folder / "start.sh"], capture_output=True, text=True, check=False
    )
    assert (second_start.returncode, second_start.stderr) == (
        1,
        "an Envoy of this node already runs\n",
    )
    node.kill()
    eventually(lambda: node.row.state == NodeState.AWAY, "nobody knows yet that it ended")
    node.start().wait_until_it_serves()
    eventually(lambda: node.row != first, "it is another run")
    first.refresh_from_db()
    assert first.state == NodeState.REAPED
    assert "started anew" in first.ended_reason
