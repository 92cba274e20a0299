"""Nodes, router processes and Postgres come and go; routes, rows and requests survive it."""

import asyncio
import socket
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from swaps.access.certificate_folder import CertificateFolder
from swaps.models import (
    AuditEntry,
    Cluster,
    DrainProof,
    DrainWatch,
    NodeIncarnation,
    Route,
    RouteOnNode,
)
from swaps.models.nodes import NodeState
from swaps.router.process import CannotServe, run_until_signalled
from swaps.router.xds.network_door import NetworkDoor
from tests.integration.router.parts import (
    Answer,
    EnvoyNode,
    RouterCommand,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    database_url,
    eventually,
    in_flight,
    in_thread,
    request,
    warm,
)

VERSION = "x-model-version"


@pytest.fixture
def route(envoy: EnvoyNode, upstream: int) -> Route:
    made = a_model("iris")
    clusters = [a_cluster(made, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(envoy, *clusters), "both clusters are warm")
    commit_route(made, {"1.0": 100})
    eventually(lambda: applied(made, envoy), "revision 1 is applied")
    return made


async def answers_while(node: EnvoyNode, happens: Callable[[], None]) -> list[int]:
    """The status of every request sent while `happens` runs."""
    done = asyncio.Event()
    statuses: list[int] = []

    async def client() -> None:
        while not done.is_set():
            statuses.append((await request(node.port, "POST", "/v2/models/iris/infer")).status)

    clients = [asyncio.create_task(client()) for _ in range(4)]
    try:
        await in_thread(happens)
    finally:
        done.set()
        await asyncio.gather(*clients)
    return statuses


def test_kill_9_of_the_router_process_loses_no_request_and_no_route(
    route: Route, envoy: EnvoyNode, router: RouterCommand
) -> None:
    stream_before = envoy.row.stream

    def killed_and_back() -> None:
        router.kill()
        # Committed while no router process runs: nobody hears the notification.
        commit_route(route, {"1.1": 100}, drain=Cluster.objects.get(version="1.0"))
        router.start()
        eventually(lambda: applied(route, envoy), "the node has what was committed meanwhile")

    statuses = asyncio.run(answers_while(envoy, killed_and_back))
    assert set(statuses) == {200}
    assert ask(envoy.port, "POST", "/v2/models/iris/infer").headers[VERSION] == "1.1"
    row = envoy.row
    assert row.state == NodeState.CONNECTED
    assert row.stream != stream_before
    assert NodeIncarnation.objects.count() == 1


def test_a_node_that_died_is_away_until_it_is_reaped_and_its_next_start_is_another(
    route: Route, envoy: EnvoyNode
) -> None:
    dead = envoy.nonce
    envoy.kill()
    eventually(lambda: envoy.row.state == NodeState.AWAY, "the node is away")
    commit_route(route, {"1.1": 100})

    envoy.start()
    eventually(envoy.listens, "the new incarnation serves")
    eventually(lambda: applied(route, envoy), "and has the new revision")
    gone = NodeIncarnation.objects.get(nonce=dead)
    assert gone.state == NodeState.AWAY, "nobody has said yet that it can send nothing any more"
    assert RouteOnNode.objects.get(incarnation=gone, route=route).revision == 1

    output = StringIO()
    call_command("reapnode", dead, stdout=output)
    entry = AuditEntry.objects.get(action="reap-node")
    assert (entry.source, entry.object_kind) == ("command line", "node")
    assert entry.object_name.endswith(dead)
    gone.refresh_from_db()
    assert gone.state == NodeState.REAPED
    assert gone.ended_at is not None
    assert f"({dead}) is reaped" in output.getvalue()
    ended_at = gone.ended_at
    call_command("reapnode", dead, stdout=output)
    gone.refresh_from_db()
    assert gone.ended_at == ended_at, "it ended once"
    assert envoy.row.state == NodeState.CONNECTED
    with pytest.raises(CommandError, match="no node was ever started"):
        call_command("reapnode", "nobody")


def test_when_the_router_process_ends_its_nodes_are_away_and_serve_on(
    route: Route, envoy: EnvoyNode, router: RouterCommand
) -> None:
    assert router.stop() == 0
    assert not router.socket.exists()
    assert envoy.row.state == NodeState.AWAY
    assert ask(envoy.port, "POST", "/v2/models/iris/infer").status == 200
    router.start()
    eventually(lambda: envoy.row.state == NodeState.CONNECTED, "the node is back")


def test_a_postgres_outage_stops_no_request_and_is_made_up_for(
    route: Route, envoy: EnvoyNode, router: RouterCommand
) -> None:
    name = connection.settings_dict["NAME"]
    elsewhere = psycopg.conninfo.make_conninfo(database_url(), dbname="postgres")

    def outage() -> None:
        connection.ensure_connection()  # ours stays open, and commits meanwhile
        ours = connection.connection.info.backend_pid
        with psycopg.connect(elsewhere, autocommit=True) as admin:
            admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false')
            try:
                admin.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = %s AND pid <> %s",
                    [name, ours],
                )
                eventually(lambda: "Postgres is not reachable" in router.output(), "it is noticed")
                commit_route(route, {"1.1": 100})
            finally:
                admin.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true')
        eventually(lambda: applied(route, envoy), "the outage is made up for")

    connection.close()  # the test's own, which the outage would break
    statuses = asyncio.run(answers_while(envoy, outage))
    assert set(statuses) == {200}
    assert "Postgres is back" in router.output()


def test_a_port_that_is_taken_is_a_refusal_in_words_until_it_is_free(
    router: RouterCommand, sockets: Path
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        node = EnvoyNode(sockets, [router.socket], port=taken.getsockname()[1]).start()
        try:
            eventually(
                lambda: (
                    "listener" in NodeIncarnation.objects.values_list("nack", flat=True)[:1][0]
                    if NodeIncarnation.objects.exists()
                    else False
                ),
                "the refusal is recorded",
            )
            taken.close()
            eventually(lambda: node.row.nack == "", "accepted once the port is free")
            eventually(node.listens, "it listens")
        finally:
            node.kill()


def test_a_second_router_process_does_not_take_the_first_ones_socket(
    router: RouterCommand,
) -> None:
    with pytest.raises(CannotServe, match=r"another router .* socket of its own by HOTSWAP_XDS_S"):
        run_until_signalled(router.socket)


def test_a_router_process_makes_the_folder_of_its_socket(
    transactional_db: None, sockets: Path
) -> None:
    home = sockets / "new" / "home"
    router = RouterCommand(home / "run" / "xds.sock", sockets / "log", {"HOTSWAP_HOME": str(home)})
    assert router.start().stop() == 0


def test_a_folder_that_other_accounts_write_to_is_no_place_for_the_socket(sockets: Path) -> None:
    sockets.chmod(0o777)
    with pytest.raises(CannotServe, match="can be written by other accounts"):
        run_until_signalled(sockets / "xds.sock")


@pytest.mark.parametrize(
    ("socket_path", "words"),
    [
        ("/proc/nowhere/xds.sock", "cannot be made or written"),
        ("/tmp/" + "x" * 120, "is longer than the 107 bytes"),
    ],
)
def test_a_socket_that_cannot_be_is_said_in_a_sentence(socket_path: str, words: str) -> None:
    with pytest.raises(CannotServe, match=words):
        run_until_signalled(Path(socket_path))


def test_what_a_router_process_cannot_listen_with_over_the_network_is_said_in_a_sentence(
    sockets: Path, tmp_path: Path
) -> None:
    folder = CertificateFolder(tmp_path / "xds")
    with pytest.raises(CannotServe, match=r"router\.pem cannot be read"):
        run_until_signalled(sockets / "x.sock", NetworkDoor("127.0.0.1:0", folder))
    folder.open_authority()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(CannotServe, match="with a port that is free"):
            run_until_signalled(sockets / "x.sock", NetworkDoor(address, folder))


def test_a_node_moves_to_another_router_process_when_its_own_dies(
    router: RouterCommand, sockets: Path, upstream: int
) -> None:
    second = RouterCommand(sockets / "xds-2.sock", sockets / "router-2.log").start()
    node = EnvoyNode(sockets, [router.socket, second.socket]).start()
    try:
        eventually(node.listens, "Envoy listens")
        route = a_model("iris")
        clusters = [a_cluster(route, version, upstream) for version in ("1.0", "1.1")]
        eventually(lambda: warm(node, *clusters), "the clusters are warm")
        commit_route(route, {"1.0": 100})
        eventually(lambda: applied(route, node), "revision 1 is applied")
        was_at = node.row.router_id

        router.kill()
        commit_route(route, {"1.1": 100})
        eventually(lambda: applied(route, node), "applied through the other")
        assert ask(node.port, "POST", "/v2/models/iris/infer").headers[VERSION] == "1.1"
        row = node.row
        assert row.state == NodeState.CONNECTED
        assert row.router_id is not None
        assert was_at is not None
    finally:
        node.kill()
        second.stop()


def test_a_node_that_moves_in_mid_drain_proves_anew_at_the_other_router_process(
    router: RouterCommand, sockets: Path, upstream: int
) -> None:
    second = RouterCommand(sockets / "xds-2.sock", sockets / "router-2.log").start()
    node = EnvoyNode(sockets, [router.socket, second.socket]).start()
    route = a_model("iris")
    clusters = [a_cluster(route, version, upstream) for version in ("1.0", "1.1")]
    eventually(lambda: warm(node, *clusters), "the clusters are warm")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, node), "revision 1 is applied")

    def killed_in_mid_drain() -> DrainWatch | None:
        eventually(lambda: in_flight(route, "1.0", node) == 1, "a request runs on 1.0")
        watch = commit_route(route, {"1.1": 100}, drain=clusters[0])
        eventually(lambda: applied(route, node), "revision 2 is applied, and 1.0 drains")
        before = node.row
        [first] = [one for one in (router, second) if str(before.router_id) in one.output()]
        first.kill()
        eventually(
            lambda: node.row.router_id != before.router_id and node.row.state == "connected",
            "the node is at the other",
        )
        return watch

    async def scenario() -> tuple[DrainWatch | None, Answer]:
        running = asyncio.create_task(
            request(node.port, "POST", "/v2/models/iris/infer", headers={"x-work-ms": "8000"})
        )
        watch = await in_thread(killed_in_mid_drain)
        return watch, await running

    try:
        watch, answer = asyncio.run(scenario())
        assert (answer.status, answer.headers[VERSION]) == (200, "1.0")
        eventually(lambda: DrainProof.objects.filter(watch=watch).exists(), "it is proven")
        words = (sockets / "upstream.log").read_text().split()
        ended_ns = int(words[words.index(str(clusters[0].pk)) + 2])
        proof = DrainProof.objects.get(watch=watch)
        assert proof.proven_at.timestamp() * 1e9 > ended_ns
        assert proof.incarnation.nonce == node.nonce
    finally:
        node.kill()
        if second.process is not None and second.process.poll() is None:
            second.stop()
