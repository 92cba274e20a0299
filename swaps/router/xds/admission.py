"""Who may speak here: which Envoy is at the other end of a stream, and may it still.

Over the network that is what its certificate says, and nothing else: a node that claims to be
another, or one of another's runs, is refused. Over the unix socket all peers are the account
that runs the router process, and the kernel tells us no more; there an Envoy is believed as to
which node it is, and only its run (id and nonce) must be one that has its routes from a router
process of ours.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import grpc
import structlog
from envoy.config.core.v3 import base_pb2

from swaps.access.certificates import CertificateProblem, node_of
from swaps.access.roles import Actor
from swaps.audit.refusals import record_refusal
from swaps.db.writability import OUTAGE
from swaps.domain.names import name_problem
from swaps.router.port import DesiredRows, NodeRecords
from swaps.router.resources.snapshot import ResourceSnapshot

log = structlog.get_logger(__name__)

# A revoked certificate's streams end within this long.
RECHECK_SECONDS = 1.0
RETRY_SECONDS = 0.2
RUN_POLL_SECONDS = 0.1
# Before the answer to whoever is refused: an Envoy asks again at once, and for ever.
REFUSAL_DELAY_SECONDS = 1.0


_NONCE = re.compile(r"[A-Za-z0-9-]{1,64}")


class NotAdmitted(Exception):
    """This peer may not speak to us; the message says why, to it, the log and the audit."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a connection. Without a serial: of the unix socket."""

    address: str | None
    node_id: str | None = None
    serial: str | None = None

    @classmethod
    def of(cls, context: Any) -> "Peer":
        """Raises NotAdmitted for a certificate that is no node's."""
        # "ipv4:192.0.2.7:49152", "ipv6:%5Bfd12::7%5D:49152", "unix:"
        kind, _, rest = unquote(context.peer()).partition(":")
        address = rest.rpartition(":")[0].strip("[]") if kind in ("ipv4", "ipv6") else None
        certificates = list(context.auth_context().get("x509_pem_cert", ()))
        if not certificates:
            if kind != "unix":
                raise NotAdmitted("over the network a node needs a certificate")
            return cls(None)
        try:
            return cls(address, *node_of(certificates[0]))
        except CertificateProblem as error:
            raise NotAdmitted(str(error)) from error


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """What an Envoy says of itself in `node` (see `bootstrap`), as far as it may say that."""

    node_id: str
    nonce: str
    listen_address: str
    listen_port: int
    alone: bool
    peer: Peer

    @classmethod
    def of(cls, node: base_pb2.Node, peer: Peer) -> "NodeIdentity":
        """Raises NotAdmitted when the node was not started from our bootstrap, or says that
        it is another than its certificate says.
        """
        metadata = node.metadata.fields
        missing = [key for key in ("nonce", "listen_address", "listen_port") if key not in metadata]
        if not node.id or missing:
            raise NotAdmitted(
                f"node {node.id!r} lacks {', '.join(missing) or 'an id'} in its metadata; "
                "start it with a bootstrap made by Hotswap"
            )
        if peer.serial is not None and peer.node_id != node.id:
            raise NotAdmitted(f"node {peer.node_id} says that it is node {node.id}")
        nonce = metadata["nonce"].string_value
        problem = name_problem(node.id, of="node")
        if problem or not _NONCE.fullmatch(nonce):
            raise NotAdmitted(problem or f"node {node.id}: {nonce[:80]!r} is no nonce of a start")
        return cls(
            node_id=node.id,
            nonce=nonce,
            listen_address=metadata["listen_address"].string_value,
            listen_port=round(metadata["listen_port"].number_value),
            alone="alone" in metadata and metadata["alone"].bool_value,
            peer=peer,
        )


class Admission:
    """Of one router process: admits streams, and ends those whose certificate was revoked."""

    def __init__(self, feed: DesiredRows[ResourceSnapshot], records: NodeRecords) -> None:
        self._feed = feed
        self._records = records
        self._open: dict[asyncio.Timeout, str] = {}  # the certificate's serial

    @asynccontextmanager
    async def admitted(self, announced: base_pb2.Node, context: Any) -> AsyncIterator[NodeIdentity]:
        """Around the whole of a stream, which ends with the reason for whoever is not admitted
        (any more), or when the body raises NotAdmitted.
        """
        node_id, peer = announced.id, None
        while_it_stands = asyncio.timeout(None)
        try:
            peer = Peer.of(context)
            node_id = peer.node_id or announced.id
            node = NodeIdentity.of(announced, peer)
            async with while_it_stands:
                try:
                    if peer.serial is not None:
                        self._open[while_it_stands] = peer.serial
                        await self._require_standing(node_id, peer.serial)
                    yield node
                finally:
                    self._open.pop(while_it_stands, None)
        except TimeoutError:
            if not while_it_stands.expired():
                raise
            await self._refuse(node_id, peer, "its certificate was revoked, or has ended", context)
        except NotAdmitted as refusal:
            await self._refuse(node_id, peer, str(refusal), context)

    async def require_own_run(self, node: NodeIdentity) -> None:
        """Raises NotAdmitted when the row of this run is another node's."""
        owner, _ = await self._read(self._records.owner_of_run, node.nonce)
        if owner not in (node.node_id, None):
            raise NotAdmitted(
                f"node {node.node_id} claims a run of node {owner} (nonce {node.nonce})"
            )

    async def tables_of(self, node: NodeIdentity) -> frozenset[str]:
        """Those that this run took on earlier streams, and serves by."""
        return await self._read(self._records.tables_taken_by, node.nonce)

    async def has_its_routes(self, node: NodeIdentity) -> None:
        """Return once this run is one that has its routes from a router process.

        Raises NotAdmitted when it is another node's.
        """
        while await self._read(self._records.owner_of_run, node.nonce) != (node.node_id, True):
            await self.require_own_run(node)
            await asyncio.sleep(RUN_POLL_SECONDS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(RECHECK_SECONDS)
            await self._end_revoked()

    async def _end_revoked(self) -> None:
        if not self._open:
            return
        standing = await self._read(
            self._records.certificates_that_stand, frozenset(self._open.values())
        )
        for scope, serial in list(self._open.items()):
            if serial not in standing:
                del self._open[scope]
                scope.reschedule(0)  # in the past: the stream's task is interrupted now

    async def _require_standing(self, node_id: str, serial: str) -> None:
        if not await self._read(self._records.certificates_that_stand, frozenset({serial})):
            raise NotAdmitted(
                f"node {node_id} is not enrolled with this certificate ({serial[:8]}), or not "
                "any more; enrol it by `manage.py enrolnode`"
            )

    async def _read[*Ts, T](self, read: Callable[[*Ts], T], *args: *Ts) -> T:
        while True:
            try:
                return await self._feed.in_reading_thread(read, *args)
            except OUTAGE:
                await asyncio.sleep(RETRY_SECONDS)  # the feed says so

    async def _refuse(self, node_id: str, peer: Peer | None, reason: str, context: Any) -> None:
        address = peer.address if peer else None
        log.warning("node refused", node=node_id, address=address, reason=reason)
        await self._read(_record, node_id, address, reason)
        await asyncio.sleep(REFUSAL_DELAY_SECONDS)
        await context.abort(grpc.StatusCode.PERMISSION_DENIED, reason)


def _record(node_id: str, address: str | None, reason: str) -> None:
    record_refusal(
        actor=Actor(f"node {node_id}", None, "router", address),
        action="connect-node",
        object_kind="node",
        object_name=node_id,
        reason=reason,
        code="node-refused",
    )
