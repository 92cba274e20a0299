"""The two gRPC services Envoys connect to: configuration (ADS) and metrics."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from typing import Any

import grpc
import structlog
from envoy.service.discovery.v3 import discovery_pb2

from swaps.live.gauges import ClusterGauges, publish_node_gauges
from swaps.live.node_pulse import publish_node_pulse
from swaps.router.metrics.answer_rate import AnswerRate
from swaps.router.metrics.gauges import FlushParser, NodeGauges
from swaps.router.metrics.messages import (
    METRICS_SERVICE,
    STREAM_METRICS,
    StreamMetricsMessage,
    StreamMetricsResponse,
)
from swaps.router.port import (
    DesiredRows,
    NodeAway,
    NodeConnected,
    NodeRecords,
    NodeRefusal,
    NotWritten,
    Report,
    Reports,
    RouteNacked,
    RouteTaken,
    StreamOf,
)
from swaps.router.resources.listeners import LISTENER, build_listener
from swaps.router.resources.snapshot import ResourceSnapshot, resource
from swaps.router.xds.admission import Admission, NodeIdentity, NotAdmitted
from swaps.router.xds.session import NodeRefuses, NodeSession, Outcome, RouteAcked, RouteRefused

log = structlog.get_logger(__name__)

DISCOVERY_SERVICE = "envoy.service.discovery.v3.AggregatedDiscoveryService"
STREAM_DISCOVERY = "StreamAggregatedResources"
# At most four a second: pages merge more anyway.
PUBLISH_SECONDS = 0.25
LISTENER_RETRY_SECONDS = 5.0


class XdsServices:
    """Both services of one router process."""

    def __init__(
        self,
        *,
        router: uuid.UUID,
        desired: DesiredRows[ResourceSnapshot],
        reports: Reports,
        records: NodeRecords,
    ) -> None:
        self.router = router
        self.admission = Admission(desired, records)
        self._desired = desired
        self._reports = reports
        self._sessions: dict[StreamOf, NodeSession] = {}
        # Also those whose node's row is being written: they must not be taken for ended.
        self._streams: set[uuid.UUID] = set()
        self._no_sessions = asyncio.Event()
        self._no_sessions.set()
        self._gauges: set[NodeGauges] = set()
        reports.on_return = self._tell_again

    @property
    def streams(self) -> list[uuid.UUID]:
        return list(self._streams)

    async def all_streams_ended(self) -> None:
        """Return once "away" was said of every node; a stopped server ends its streams late."""
        await self._no_sessions.wait()

    def _tell_again(self) -> None:
        for of, session in self._sessions.items():
            session.tell_again()
            self._reports.add(*(_report_of(outcome, of) for outcome in session.take_outcomes()))
        for gauges in self._gauges:
            self._reports.add(*gauges.tell_again())

    def add_to(self, server: grpc.aio.Server) -> None:
        discovery = grpc.stream_stream_rpc_method_handler(
            self._stream_discovery,
            request_deserializer=discovery_pb2.DiscoveryRequest.FromString,
            response_serializer=discovery_pb2.DiscoveryResponse.SerializeToString,
        )
        metrics = grpc.stream_unary_rpc_method_handler(
            self._stream_metrics,
            request_deserializer=StreamMetricsMessage.FromString,
            response_serializer=StreamMetricsResponse.SerializeToString,
        )
        server.add_generic_rpc_handlers(
            (
                grpc.method_handlers_generic_handler(
                    DISCOVERY_SERVICE, {STREAM_DISCOVERY: discovery}
                ),
                grpc.method_handlers_generic_handler(METRICS_SERVICE, {STREAM_METRICS: metrics}),
            )
        )

    # --- configuration

    async def _stream_discovery(
        self, requests: AsyncIterator[discovery_pb2.DiscoveryRequest], context: Any
    ) -> None:
        first = await anext(aiter(requests), None)
        if first is None:
            return
        async with self.admission.admitted(first.node, context) as node:
            await self._discover(node, first, requests, context)

    async def _discover(
        self,
        node: NodeIdentity,
        first: discovery_pb2.DiscoveryRequest,
        requests: AsyncIterator[discovery_pb2.DiscoveryRequest],
        context: Any,
    ) -> None:
        of = StreamOf(node.nonce, self.router, uuid.uuid4())
        bound = log.bind(node=node.node_id, incarnation=node.nonce[:8], stream=str(of.stream)[:8])
        try:
            # The row first, the routes after: whoever commits a revision from now on sees this
            # node among those that must take it, and whatever was committed before is read.
            self._streams.add(of.stream)
            try:
                await self._reports.committed(
                    NodeConnected(of, node.node_id, node.alone, node.peer.serial or "")
                )
            except NotWritten as refusal:
                # No row, no routes: no drain would wait for what this node sends.
                raise NotAdmitted(
                    f"node {node.node_id} cannot be put on record, so it gets no routes: {refusal}"
                ) from refusal
            await self.admission.require_own_run(node)
            served = await self.admission.tables_of(node)
            snapshot = await self._desired.reread()
            listener = resource(LISTENER, build_listener(node.listen_address, node.listen_port))
            session = self._sessions[of] = NodeSession(listener, snapshot, served)
            self._no_sessions.clear()
            bound.info("node connected", listens=f"{node.listen_address}:{node.listen_port}")
            await self._serve(session, of, first, requests, context, bound)
        finally:
            # Also when it hung up before it was served: its row says "connected" by then.
            self._sessions.pop(of, None)
            self._streams.discard(of.stream)
            self._reports.add(NodeAway(of))
            if not self._sessions:
                self._no_sessions.set()
            bound.warning("node away: its stream ended, and it blocks drains until it is back")

    async def _serve(
        self,
        session: NodeSession,
        of: StreamOf,
        first: discovery_pb2.DiscoveryRequest,
        requests: AsyncIterator[discovery_pb2.DiscoveryRequest],
        context: Any,
        bound: Any,
    ) -> None:
        something = asyncio.Event()

        def on_change() -> None:
            session.set_snapshot(self._desired.snapshot)
            something.set()

        async def read() -> None:
            async for request in requests:
                session.on_request(request)
                self._record(session, of, bound)
                something.set()

        session.on_request(first)
        stop_listening = self._desired.on_change(on_change)
        on_change()
        reading = asyncio.create_task(read())
        reading.add_done_callback(lambda _: something.set())
        retry_at = time.monotonic() + LISTENER_RETRY_SECONDS
        try:
            while not reading.done():
                for response in session.take_responses():
                    await context.write(response)
                self._record(session, of, bound)
                try:
                    async with asyncio.timeout(max(0.1, retry_at - time.monotonic())):
                        await something.wait()
                except TimeoutError:
                    session.retry_refused_listener()
                    retry_at = time.monotonic() + LISTENER_RETRY_SECONDS
                something.clear()
        finally:
            stop_listening()
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)

    def _record(self, session: NodeSession, of: StreamOf, bound: Any) -> None:
        outcomes = session.take_outcomes()
        self._reports.add(*(_report_of(outcome, of) for outcome in outcomes))
        for outcome in outcomes:
            match outcome:
                case RouteAcked(route_pk, revision):
                    bound.info("route applied", route=route_pk, revision=revision)
                case RouteRefused(route_pk, revision, detail):
                    bound.error("route refused", route=route_pk, revision=revision, reason=detail)
                case NodeRefuses(detail) if detail:
                    bound.error("configuration refused", reason=detail)
                case NodeRefuses():
                    bound.info("configuration accepted again")

    # --- metrics

    async def _stream_metrics(self, messages: AsyncIterator[Any], context: Any) -> Any:
        # The node says who it is in the first message only.
        first = await anext(aiter(messages), None)
        if first is None:
            return StreamMetricsResponse()
        async with self.admission.admitted(first.identifier.node, context) as node:
            await self._take_flushes(node, messages)
        return StreamMetricsResponse()

    async def _take_flushes(self, node: NodeIdentity, messages: AsyncIterator[Any]) -> None:
        parser, gauges, rate = FlushParser(), NodeGauges(node.nonce), AnswerRate()
        known = asyncio.create_task(self.admission.has_its_routes(node))
        publishing: asyncio.Future[None] | None = None
        publish_at = 0.0
        self._gauges.add(gauges)
        try:
            async for message in messages:
                # What a node's gauges say cannot be written before the node's row is there.
                if not known.done():
                    continue
                known.result()  # raises what it was refused for
                parsed = parser.parse(message)
                self._reports.add(*gauges.on_flush(parsed, self._desired.snapshot.questions))
                now = time.monotonic()
                if now >= publish_at and (publishing is None or publishing.done()):
                    publish_at = now + PUBLISH_SECONDS
                    shown = gauges.gauges()
                    rate.see(shown, now)
                    publishing = asyncio.get_running_loop().run_in_executor(
                        None, _publish, node.nonce, shown, rate.per_second()
                    )
        finally:
            self._gauges.discard(gauges)
            known.cancel()
            await asyncio.gather(known, return_exceptions=True)


def _publish(
    nonce: str, gauges: dict[str, ClusterGauges], requests_per_second: float | None
) -> None:
    publish_node_gauges(nonce, gauges)
    publish_node_pulse(nonce, requests_per_second)


def _report_of(outcome: Outcome, of: StreamOf) -> Report:
    match outcome:
        case RouteAcked(route_pk, revision):
            return RouteTaken(of, route_pk, revision)
        case RouteRefused(route_pk, revision, detail):
            return RouteNacked(of, route_pk, revision, detail)
        case NodeRefuses(detail):
            return NodeRefusal(of, detail)
