"""One router process: feed, writer, lease and the gRPC server, from start to SIGTERM."""

import asyncio
import contextlib
import fcntl
import gc
import os
import signal
import stat
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from socket import gethostname
from typing import Any

import grpc
import structlog

from swaps.access.certificates import CertificateProblem
from swaps.db.stalled import limit_transactions
from swaps.live.heartbeats import Pulse
from swaps.models.processes import ProcessKind
from swaps.router.port import NotWritten
from swaps.router.resources.snapshot import ResourceSnapshot
from swaps.router.rows import reads
from swaps.router.rows.feed import StateFeed
from swaps.router.rows.node_writes import LEASE, ProcessEnds, RenewLease
from swaps.router.rows.writer import RowWriter
from swaps.router.xds.network_door import OPTIONS, NetworkDoor
from swaps.router.xds.server import XdsServices

log = structlog.get_logger(__name__)

# The kernel's limit for a unix socket's path, without the closing zero.
SOCKET_PATH_BYTES = 107
STOP_GRACE_SECONDS = 0.5
LAST_WRITES_SECONDS = 3.0
# One thread hands Python to another after this long. 5 ms by default: half of what a
# routing update may take in all, and it goes through the hands of three.
THREAD_SWITCH_SECONDS = 0.0001


class CannotServe(Exception):
    """The router process cannot start; the message says why and what to do."""


class RouterProcess:
    """Runs until stopped. Envoys connect to `socket`, and from other machines to `door`."""

    def __init__(self, socket: Path, door: NetworkDoor | None = None) -> None:
        self.id = uuid.uuid4()
        self.socket = socket
        self.door = door
        self.pulse = Pulse(ProcessKind.ROUTER, f"{gethostname()} {socket}", self.id)
        self.feed = StateFeed(ResourceSnapshot())
        self.writer = RowWriter()
        self.services = XdsServices(
            router=self.id, desired=self.feed, reports=self.writer, records=reads
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set. Raises CannotServe before anything was started."""
        sys.setswitchinterval(THREAD_SWITCH_SECONDS)
        limit_transactions()
        # All that was imported stays: collections need not go through it again and again.
        gc.collect()
        gc.freeze()
        with _only_one(self.socket):
            # First, so that a certificate that is missing is said before anything was started.
            servers = [self._network_server(self.door)] if self.door else []
            servers.append(self._socket_server())
            for server in servers:
                await server.start()
            log.info(
                "router process serves",
                socket=str(self.socket),
                network=self.door.address if self.door else None,
                router=str(self.id),
            )
            background = [
                asyncio.create_task(self.writer.run()),
                asyncio.create_task(self.feed.run()),
                asyncio.create_task(self.services.admission.run()),
                asyncio.create_task(self._hold_lease()),
            ]
            stopping = asyncio.create_task(stop.wait())
            try:
                done, _ = await asyncio.wait(
                    [*background, stopping], return_when=asyncio.FIRST_COMPLETED
                )
                for task in done - {stopping}:
                    task.result()  # raises what ended it: none of these ends by itself
            finally:
                await self._end(servers, [*background, stopping])

    def _socket_server(self) -> grpc.aio.Server:
        server = self._server([])
        _listen(server, self.socket)
        return server

    def _network_server(self, door: NetworkDoor) -> grpc.aio.Server:
        server = self._server(OPTIONS)
        try:
            server.add_secure_port(door.address, door.credentials())
        except CertificateProblem as error:
            raise CannotServe(str(error)) from error
        except RuntimeError as error:
            raise CannotServe(
                f"cannot listen on {door.address}: {error}; set HOTSWAP_XDS_LISTEN to an address "
                "of this machine, with a port that is free"
            ) from error
        return server

    def _server(self, options: list[tuple[str, int]]) -> grpc.aio.Server:
        server = grpc.aio.server(options=[("grpc.max_receive_message_length", 64 << 20), *options])
        self.services.add_to(server)
        return server

    async def _end(self, servers: list[grpc.aio.Server], tasks: list[asyncio.Task[Any]]) -> None:
        await asyncio.gather(*(server.stop(STOP_GRACE_SECONDS) for server in servers))
        self.socket.unlink(missing_ok=True)
        try:
            # The last word on each node, "away", is written if Postgres takes it; otherwise
            # the lease ends and another process writes it.
            async with asyncio.timeout(LAST_WRITES_SECONDS):
                await self.services.all_streams_ended()
                await self.writer.committed(ProcessEnds(self.pulse))
        except (TimeoutError, NotWritten):
            log.warning("Postgres did not take the last writes; the lease will end by itself")
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.feed.close()
        self.writer.close()
        log.info("router process stopped; its nodes serve on without it")

    async def _hold_lease(self) -> None:
        while True:
            ends = self.door.folder.ends() if self.door else None
            streams = self.services.streams
            # Refused, it is not renewed, so our nodes are away to all others: which is true, as
            # far as rows can tell. The writer says why.
            with contextlib.suppress(NotWritten):
                await self.writer.committed(RenewLease(self.id, streams, ends, self.pulse))
            await asyncio.sleep(LEASE.total_seconds() / 3)


def _listen(server: grpc.aio.Server, socket: Path) -> None:
    # The mode must be right from the first moment: whoever connects can read all routes.
    before = os.umask(0o177)
    try:
        server.add_insecure_port(f"unix:{socket}")
    except RuntimeError as error:
        raise CannotServe(
            f"cannot listen on {socket}: {error}; is its folder there, and writable?"
        ) from error
    finally:
        os.umask(before)


@contextlib.contextmanager
def _only_one(socket: Path) -> Iterator[None]:
    """Two processes on one socket path would take each other's nodes without a word."""
    if len(os.fsencode(socket)) > SOCKET_PATH_BYTES:
        raise CannotServe(
            f"{socket} is longer than the {SOCKET_PATH_BYTES} bytes a unix socket's path may "
            "have; set HOTSWAP_XDS_SOCKET to a shorter one"
        )
    try:
        # Others may pass through it, as through HOTSWAP_HOME; the socket is its owner's alone.
        socket.parent.mkdir(mode=0o711, parents=True, exist_ok=True)
        _refuse_others_folder(socket.parent)
        lock = os.open(f"{socket}.lock", os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise CannotServe(
            f"the folder of {socket} cannot be made or written ({error.strerror}); "
            "set HOTSWAP_HOME or HOTSWAP_XDS_SOCKET to a place of yours"
        ) from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise CannotServe(
                f"another router process serves {socket}; stop it, or give this one a socket of "
                "its own by HOTSWAP_XDS_SOCKET (and another port in HOTSWAP_XDS_LISTEN)"
            ) from error
        yield
    finally:
        os.close(lock)


def _refuse_others_folder(folder: Path) -> None:
    """Who could put another socket in its place would tell Envoys where to send requests."""
    found = folder.stat()
    writable = found.st_mode & 0o022 and not found.st_mode & stat.S_ISVTX
    if writable or found.st_uid not in (0, os.geteuid()):
        raise CannotServe(
            f"{folder} can be written by other accounts, so a socket would not be safe there; "
            "set HOTSWAP_HOME or HOTSWAP_XDS_SOCKET to a place of yours"
        )


def run_until_signalled(socket: Path, door: NetworkDoor | None = None) -> None:
    """SIGTERM and SIGINT end it cleanly. Raises CannotServe."""

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        await RouterProcess(socket, door).run(stop)

    asyncio.run(main())
