"""Real parts for the router's tests: an Envoy, a router process, and rows to route by."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from django.db import connection, transaction
from django.db.models.functions import Now

from hotswap_site.embedded.envoy import envoy_binary
from swaps.live.gauges import read_node_gauges
from swaps.live.notify import notify_routes
from swaps.models import (
    Cluster,
    ClusterOnNode,
    DrainWatch,
    NodeIncarnation,
    Route,
    RouteOnNode,
    ServedModel,
)
from swaps.router.xds.bootstrap import bootstrap
from swaps.router.xds.control_cluster import Sockets

REPOSITORY = Path(__file__).parents[3]
# Generous: the machine may be busy with other things. Nothing waits that long when all is well.
PATIENCE_SECONDS = 180


def eventually[T](
    look: Callable[[], T], what: str, patience_seconds: float = PATIENCE_SECONDS
) -> T:
    """What `look` finds, once it is true; fails by name when that takes too long."""
    deadline = time.monotonic() + patience_seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"still not so after {patience_seconds} s: {what}")
        time.sleep(0.005)


async def in_thread[T](call: Callable[[], T]) -> T:
    """Run a part of a test that uses the database beside its event loop."""

    def and_close() -> T:
        try:
            return call()
        finally:
            connection.close()

    return await asyncio.to_thread(and_close)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_listened_to(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def database_url() -> str:
    """The test's own database, for processes beside the test."""
    settings = connection.settings_dict
    parts = {
        "dbname": settings["NAME"],
        "user": settings["USER"],
        "password": settings["PASSWORD"],
        "host": settings["HOST"],
        "port": settings["PORT"],
    }
    return " ".join(f"{key}='{value}'" for key, value in parts.items() if value)


@dataclass
class RouterCommand:
    """`manage.py runrouter` as a process of its own."""

    socket: Path
    log: Path
    env: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "django", "runrouter", "--socket", str(self.socket)],
                cwd=REPOSITORY,
                env={
                    **os.environ,
                    "DJANGO_SETTINGS_MODULE": "hotswap_site.settings",
                    "PYTHONPATH": str(REPOSITORY),
                    "DATABASE_URL": database_url(),
                    **self.env,
                },
                stdout=log,
                stderr=log,
            )
        eventually(self.serves, f"the router process listens on {self.socket}: {self.output()}")
        return self

    def serves(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"the router process ended: {self.output()}"
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(str(self.socket)) == 0

    def output(self) -> str:
        return self.log.read_text() if self.log.exists() else ""

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(PATIENCE_SECONDS)


@dataclass
class EnvoyNode:
    """One Envoy; `start` again for another incarnation of the same node."""

    folder: Path
    xds_sockets: Sequence[Path]
    node_id: str = "envoy-1"
    concurrency: int = 2
    memory_mib: int = 1024
    port: int = field(default_factory=free_port)
    nonce: str = ""
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        self.nonce = uuid.uuid4().hex
        config = self.folder / f"{self.node_id}.json"
        config.write_text(
            json.dumps(
                bootstrap(
                    node_id=self.node_id,
                    nonce=self.nonce,
                    listen_address="127.0.0.1",
                    listen_port=self.port,
                    admin_socket=self.folder / f"{self.node_id}.admin",
                    routers=Sockets(self.xds_sockets),
                    memory_mib=self.memory_mib,
                )
            )
        )
        with (self.folder / f"{self.node_id}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(envoy_binary()), "--config-path", str(config), "--log-level", "warning"),
                    *("--disable-hot-restart", "--concurrency", str(self.concurrency)),
                ],
                stdout=log,
                stderr=log,
            )
        return self

    def listens(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, f"Envoy ended: {self.output()}"
        return is_listened_to(self.port)

    def output(self) -> str:
        return (self.folder / f"{self.node_id}.log").read_text()

    @property
    def row(self) -> NodeIncarnation:
        return NodeIncarnation.objects.get(nonce=self.nonce)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()


# --- rows, as the engine's store writes them


def a_model(name: str = "iris") -> Route:
    """A model with a route that has no weights yet."""
    with transaction.atomic():
        model = ServedModel.objects.create(name=name)
        route = Route.objects.create(model=model)
        notify_routes(model.pk)
    return route


def a_cluster(route: Route, version: str, port: int, **changes: Any) -> Cluster:
    """The next generation of this version, in place of its present one."""
    with transaction.atomic():
        earlier = Cluster.objects.filter(model=route.model, version=version)
        earlier.filter(retired_at=None).update(retired_at=Now())
        cluster = Cluster.objects.create(
            **{
                "model": route.model,
                "version": version,
                "generation": earlier.count() + 1,
                "endpoints": [
                    {"host": "host-1", "address": "127.0.0.1", "port": port, "tls": False}
                ],
                "paths": {},
                **changes,
            }
        )
        # The cluster's key in the path: the upstream tells generations apart by it.
        cluster.paths = {verb: f"/c/{cluster.pk}/{verb}" for verb in ("infer", "ready", "metadata")}
        cluster.paths |= changes.get("paths", {})
        cluster.paths.setdefault("health", cluster.paths["ready"])
        cluster.save()
        notify_routes(route.model_id)
    return cluster


def commit_route(
    route: Route,
    weights: Mapping[str, int],
    *,
    pinned: Sequence[str] = (),
    gone: Sequence[str] = (),
    drain: Cluster | None = None,
) -> DrainWatch | None:
    """The next revision and, with `drain`, the watch that asks for its proof."""
    watch = None
    with transaction.atomic():
        Route.objects.filter(pk=route.pk).update(
            revision=route.revision + 1, weights=weights, pinned=list(pinned), gone=list(gone)
        )
        if drain is not None:
            watch = DrainWatch.objects.create(cluster=drain, route_revision=route.revision + 1)
        notify_routes(route.model_id)
    route.revision += 1
    return watch


def applied(route: Route, *nodes: EnvoyNode) -> bool:
    """Whether every node ACKed the route's present revision."""
    acked = RouteOnNode.objects.filter(
        route=route,
        revision=route.revision,
        acked_at__isnull=False,
        incarnation__nonce__in=[node.nonce for node in nodes],
    )
    return acked.count() == len(nodes)


def open_watch(cluster: Cluster) -> DrainWatch:
    """Asks whether the cluster is idle now, whatever the route."""
    with transaction.atomic():
        watch = DrainWatch.objects.create(cluster=cluster)
        notify_routes(cluster.model_id)
    return watch


def warm(node: EnvoyNode, *clusters: Cluster) -> bool:
    """Whether the node's own gauges show a healthy member of each."""
    seen = ClusterOnNode.objects.filter(
        incarnation__nonce=node.nonce, cluster__in=clusters, healthy__gte=1
    )
    return seen.count() == len(clusters)


def members(node: EnvoyNode, cluster: Cluster) -> tuple[int, int] | None:
    """Healthy ones and all, as the node's own gauges show them."""
    return (
        ClusterOnNode.objects.filter(incarnation__nonce=node.nonce, cluster=cluster)
        .values_list("healthy", "total")
        .first()
    )


def in_flight(route: Route, version: str, node: EnvoyNode) -> int | None:
    """What the live page shows."""
    cluster = Cluster.objects.get(model=route.model, version=version, retired_at=None)
    [gauges] = read_node_gauges([node.nonce])
    return (gauges or {}).get(cluster.name, {}).get("active")


# --- clients


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def request(
    port: int, method: str, path: str, body: bytes = b"{}", headers: Mapping[str, str] | None = None
) -> Answer:
    """One request on a connection of its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: router",
        "connection: close",
        f"content-length: {len(body)}",
        *(f"{name}: {value}" for name, value in (headers or {}).items()),
    ]
    try:
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        first, *others = head.decode().strip().split("\r\n")
        found = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in others)}
        if "content-length" in found:
            answer = await reader.readexactly(int(found["content-length"]))
        else:
            answer = await reader.read()  # as its chunks come
    finally:  # also where the answer is cut off, as by a host that dies
        writer.close()
        writer.transport.abort()  # whoever answers before the end of a body reads no more of it
    return Answer(int(first.split()[1]), found, answer)


def ask(port: int, method: str, path: str, **more: Any) -> Answer:
    return asyncio.run(request(port, method, path, **more))
