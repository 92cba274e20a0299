"""On the unix socket, too, nobody proves anything for a run that is not theirs."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
from envoy.config.core.v3 import base_pb2

from swaps.models import AuditEntry, Cluster, DrainProof, DrainWatch
from swaps.router.metrics.messages import (
    GAUGE,
    METRICS_SERVICE,
    STREAM_METRICS,
    StreamMetricsMessage,
    StreamMetricsResponse,
)
from swaps.router.resources.snapshot import ResourceSnapshot
from swaps.router.rows.reads import read_models
from tests.integration.router.parts import (
    EnvoyNode,
    RouterCommand,
    a_cluster,
    a_model,
    applied,
    commit_route,
    eventually,
    in_flight,
    in_thread,
    open_watch,
    warm,
)


async def tell(socket: Path, message: Any, told: Callable[[], bool]) -> grpc.StatusCode | None:
    """This flush again and again, until `told`; how the router process ended it, None: we did."""

    async def flushes() -> AsyncIterator[Any]:
        while not await in_thread(told):
            yield message

    async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
        stream = channel.stream_unary(
            f"/{METRICS_SERVICE}/{STREAM_METRICS}",
            request_serializer=StreamMetricsMessage.SerializeToString,
            response_deserializer=StreamMetricsResponse.FromString,
        )
        try:
            await stream(flushes())
        except grpc.aio.AioRpcError as error:
            return error.code()
        return None


def idle(node_id: str, nonce: str, cluster: Cluster) -> Any:
    """What an Envoy would send that has heard what is asked, and nothing in flight on `cluster`."""
    table = ResourceSnapshot().with_models(read_models(None), forget_others=True).asked.table
    message = StreamMetricsMessage()
    message.identifier.node.CopyFrom(base_pb2.Node(id=node_id))
    message.identifier.node.metadata.update(
        {"nonce": nonce, "listen_address": "127.0.0.1", "listen_port": 1}
    )
    for name, value in (
        (f"http.in.rds.{table.name}.version", table.marker),
        (f"cluster.{cluster.name}.membership_total", 1),
    ):
        family = message.envoy_metrics.add(name=name, type=GAUGE)
        family.metric.add().gauge.value = value
    return message


def test_nobody_proves_anything_for_a_run_of_another_node(
    envoy: EnvoyNode, router: RouterCommand, upstream: int
) -> None:
    route = a_model("iris")
    cluster = a_cluster(route, "1.0", upstream)
    eventually(lambda: warm(envoy, cluster), "it is warm")
    commit_route(route, {"1.0": 100})
    eventually(lambda: applied(route, envoy), "revision 1 is applied")

    def ask_while_busy() -> DrainWatch:
        eventually(lambda: in_flight(route, "1.0", envoy) == 1, "the request is seen executing")
        return open_watch(cluster)

    async def scenario() -> None:
        # The node's own flushes prove nothing while this runs.
        _, client = await asyncio.open_connection("127.0.0.1", envoy.port)
        client.write(
            b"POST /v2/models/iris/infer HTTP/1.1\r\nhost: router\r\n"
            b"x-work-ms: 600000\r\ncontent-length: 0\r\n\r\n"
        )
        watch = await in_thread(ask_while_busy)

        def proven() -> bool:
            return DrainProof.objects.filter(watch=watch).exists()

        another = await in_thread(lambda: idle("envoy-2", envoy.nonce, cluster))
        assert await tell(router.socket, another, proven) == grpc.StatusCode.PERMISSION_DENIED
        unheard_of = await in_thread(lambda: idle("envoy-2", "n-2", cluster))
        sent = iter(range(50))
        assert await tell(router.socket, unheard_of, lambda: next(sent, None) is None) is None
        assert not await in_thread(proven)
        # The same from whoever says it is that very run. On this socket all peers are one
        # account, so that is as far as it goes; over the network a certificate tells.
        own = await in_thread(lambda: idle("envoy-1", envoy.nonce, cluster))
        assert await tell(router.socket, own, proven) is None
        assert await in_thread(proven)
        client.close()
        await client.wait_closed()

    asyncio.run(scenario())
    entry = AuditEntry.objects.get(action="connect-node")
    assert (entry.outcome, entry.object_name) == ("refused", "envoy-2")
    assert "claims a run of node envoy-1" in entry.reason
