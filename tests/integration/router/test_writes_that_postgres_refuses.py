"""No row, no routes: what Postgres refuses is not written, and what was told is told again."""

import asyncio
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.db import connection

from swaps.models import NodeIncarnation, RouteOnNode
from swaps.models.nodes import NodeState, RouterProcess
from swaps.router.port import NodeAway, NodeConnected, NotWritten, StreamOf
from swaps.router.rows.node_writes import RenewLease
from swaps.router.rows.writer import RowWriter
from swaps.router.rows.writes import write_all
from tests.integration.router.parts import (
    EnvoyNode,
    RouterCommand,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    is_listened_to,
    warm,
)

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def refusing(table: str, when: str) -> Iterator[None]:
    """Rows of this table are refused by themselves: nothing is wrong with Postgres."""
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT of_the_test CHECK ({when}) NOT VALID")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT of_the_test")


def test_who_waits_for_a_refused_write_is_told_and_the_others_are_written() -> None:
    router = uuid.uuid4()
    write_all([RenewLease(router, [])])

    async def scenario() -> list[BaseException | None]:
        writer = RowWriter(wake=lambda models: None)
        running = asyncio.create_task(writer.run())
        streams = {name: StreamOf(name, router, uuid.uuid4()) for name in ("good", "bad", "late")}
        outcomes = await asyncio.gather(
            *(writer.committed(NodeConnected(of, f"edge-{n}")) for n, of in streams.items()),
            return_exceptions=True,
        )
        writer.close()
        await running
        return outcomes

    with refusing("swaps_nodeincarnation", "node_id <> 'edge-bad'"):
        good, bad, late = asyncio.run(scenario())
    assert (good, late) == (None, None)
    assert isinstance(bad, NotWritten)
    assert "of_the_test" in str(bad)
    assert set(NodeIncarnation.objects.values_list("node_id", flat=True)) == {
        "edge-good",
        "edge-late",
    }


def test_a_write_that_the_writers_end_overtakes_is_no_row_either() -> None:
    async def scenario() -> None:
        writer = RowWriter(wake=lambda models: None)
        writer.close()
        with pytest.raises(NotWritten):
            async with asyncio.timeout(60):
                await writer.committed(RenewLease(uuid.uuid4(), []))

    asyncio.run(scenario())


def test_a_node_that_cannot_be_put_on_record_gets_no_routes(
    router: RouterCommand, sockets: Path, upstream: int
) -> None:
    node = EnvoyNode(sockets, [router.socket])
    try:
        with refusing("swaps_nodeincarnation", "node_id <> 'envoy-1'"):
            node.start()
            eventually(lambda: "cannot be put on record" in router.output(), "it is refused")
            assert not is_listened_to(node.port)
            assert not NodeIncarnation.objects.exists()
        eventually(node.listens, "once its row is taken it is served")
        assert node.row.state == NodeState.CONNECTED
    finally:
        node.kill()


def test_an_ack_that_was_refused_is_told_again(
    envoy: EnvoyNode, router: RouterCommand, upstream: int
) -> None:
    route = a_model("iris")
    cluster = a_cluster(route, "1.0", upstream)
    eventually(lambda: warm(envoy, cluster), "it is warm")
    with refusing("swaps_routeonnode", "revision = 0"):
        commit_route(route, {"1.0": 100})
        eventually(lambda: "is left out" in router.output(), "its ack is refused")
        answer = eventually(
            lambda: (
                found
                if (found := ask(envoy.port, "POST", "/v2/models/iris/infer")).status == 200
                else None
            ),
            "it serves, and nobody knows",
        )
        assert answer is not None
        assert not RouteOnNode.objects.filter(route=route, revision=1).exists()
    eventually(lambda: applied(route, envoy), "it is on record")


def test_a_stream_whose_end_was_refused_is_found_by_the_lease() -> None:
    router = uuid.uuid4()
    of = StreamOf("n-1", router, uuid.uuid4())
    write_all([RenewLease(router, [of.stream]), NodeConnected(of, "edge-1")])
    write_all([RenewLease(router, [])])
    assert NodeIncarnation.objects.get(nonce="n-1").state == NodeState.AWAY
    write_all([NodeAway(of), RenewLease(router, [of.stream])])
    assert NodeIncarnation.objects.get(nonce="n-1").state == NodeState.CONNECTED


def test_a_postgres_that_takes_no_writes_is_waited_for() -> None:
    """As in a failover: nothing of what was seen meanwhile may be lost."""
    name = connection.settings_dict["NAME"]
    router = uuid.uuid4()

    async def scenario() -> None:
        writer = RowWriter(wake=lambda models: None)
        running = asyncio.create_task(writer.run())
        waiting = asyncio.create_task(writer.committed(RenewLease(router, [])))
        done, _ = await asyncio.wait({waiting}, timeout=2)
        assert not done, "it is neither written nor refused"
        await asyncio.to_thread(writable_again)
        async with asyncio.timeout(120):
            await waiting
        writer.close()
        await running

    def writable_again() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET default_transaction_read_only = off")
            cursor.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        connection.close()

    with connection.cursor() as cursor:  # for connections to come
        cursor.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    connection.close()
    try:
        asyncio.run(scenario())
    finally:
        writable_again()
    assert RouterProcess.objects.filter(pk=router).exists()
