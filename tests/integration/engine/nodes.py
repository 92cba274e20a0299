"""Router nodes as the engine knows them: rows that a router process writes.

The nodes answer routes, clusters and drain watches through the router process's own
writes, at once, and as they were told to; the database is where both sides meet. Tests
with a real router process and Envoys are in test_through_a_real_router.py.
"""

import threading
import uuid
from dataclasses import dataclass, field
from typing import Self

import psycopg
from django.db import connection

from swaps.live.notify import ROUTES_CHANNEL, notify_routes
from swaps.models import Cluster, DrainWatch, NodeIncarnation, Route
from swaps.router.port import (
    ClusterSeen,
    NodeAway,
    NodeConnected,
    Proven,
    Report,
    RouteNacked,
    RouteTaken,
    StreamOf,
)
from swaps.router.rows.node_writes import RenewLease
from swaps.router.rows.writes import write_all
from tests.integration.bundled_host.running import PATIENCE_SECONDS

_ROUTER = uuid.uuid4()


@dataclass
class Node:
    """How one node answers. `refuses_version`: it NACKs every route with weight on that one."""

    name: str
    acks: bool = True
    warms: bool = True
    proves: bool = True
    refuses_version: str = ""
    here: bool = True
    of: StreamOf = field(default_factory=lambda: StreamOf(uuid.uuid4().hex, _ROUTER, uuid.uuid4()))

    @property
    def row(self) -> NodeIncarnation:
        return NodeIncarnation.objects.get(nonce=self.of.nonce)

    def now(self, **changes: bool | str) -> None:
        """Behave like this from now on; what is open is answered again."""
        for name, value in changes.items():
            setattr(self, name, value)
        notify_routes(None)

    def goes_away(self) -> None:
        """Its stream ends: what it routes from now on is not known."""
        self.here = self.acks = self.warms = self.proves = False
        write_all([NodeAway(self.of)])

    def answers(self) -> list[Report]:
        writes: list[Report] = []
        applied: dict[int, int] = {}
        for route in Route.objects.filter(revision__gt=0):
            if self.refuses_version and route.weights.get(self.refuses_version):
                words = f"no {self.refuses_version} here"
                writes.append(RouteNacked(self.of, route.pk, route.revision, words))
            elif self.acks:
                writes.append(RouteTaken(self.of, route.pk, route.revision))
                applied[route.model_id] = route.revision
        if self.warms:
            clusters = Cluster.objects.filter(retired_at=None)
            writes += [_all_healthy(self.of.nonce, one) for one in clusters]
        if self.proves:
            for watch in DrainWatch.objects.filter(closed_at=None).select_related("cluster"):
                revision = watch.route_revision
                if revision is None or applied.get(watch.cluster.model_id) == revision:
                    writes.append(Proven(self.of.nonce, self.of.stream, str(watch.pk), 2))
        return writes


def _all_healthy(nonce: str, cluster: Cluster) -> ClusterSeen:
    return ClusterSeen(nonce, cluster.pk, len(cluster.endpoints), len(cluster.endpoints))


class Nodes:
    """All nodes of a test, and the thread in which they hear of routes and answer."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._over = threading.Event()
        self._listening = threading.Event()
        parameters = connection.get_connection_params()
        self._dsn = {k: v for k, v in parameters.items() if k not in {"cursor_factory", "context"}}
        self._thread = threading.Thread(target=self._run, name="nodes")

    def connect(self, name: str, **behaviour: bool | str) -> Node:
        node = Node(name, **behaviour)  # type: ignore[arg-type]
        self._nodes.append(node)
        # Of this router process, a stream that it does not name has ended.
        write_all([RenewLease(_ROUTER, self._streams()), NodeConnected(node.of, name)])
        notify_routes(None)
        return node

    def reconnect(self) -> None:
        """As after a restored backup: each comes by a new stream, and answers all anew."""
        for node in self._nodes:
            write_all([NodeConnected(node.of, node.name)])
        notify_routes(None)

    def _streams(self) -> list[uuid.UUID]:
        return [node.of.stream for node in self._nodes if node.here]

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._listening.wait(PATIENCE_SECONDS), "the nodes listen"
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        notify_routes(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            with psycopg.connect(**self._dsn, autocommit=True) as listening:
                listening.execute(f"LISTEN {ROUTES_CHANNEL}")
                self._listening.set()
                while not self._over.is_set():
                    write_all([RenewLease(_ROUTER, self._streams())])
                    for node in list(self._nodes):
                        write_all(node.answers())
                    for _ in listening.notifies(timeout=1, stop_after=1):
                        pass
        finally:
            connection.close()
