"""That nodes came, live, went or refuse: rows that any open swap may wait for."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

from swaps.access.certificate_folder import CertificateEnds
from swaps.db.statements import Statement
from swaps.live.heartbeats import Pulse
from swaps.router.port import NodeAway, NodeConnected, NodeRefusal
from swaps.router.rows.telling import guard, told

LEASE = timedelta(seconds=10)


def _nodes(change: str, parameters: Mapping[str, Any] | None = None) -> Statement:
    """A change of nodes' rows: any open swap may wait for it, or for it no longer."""
    return told(
        f"{change} RETURNING id",
        "SELECT DISTINCT model_id FROM swaps_swapoperation"
        " WHERE end_time IS NULL AND NOT queued AND EXISTS (SELECT FROM written)",
        parameters or {},
    )


# After a node came or went. A run that is away has ended, if it had its node's lock and a
# later one of the same node has it: the kernel gives it to one process at a time.
_REAP = _nodes(
    "UPDATE swaps_nodeincarnation i SET state = 'reaped', ended_at = now(), ended_reason ="
    " 'its node was started anew, which takes the end of the process before'"
    " WHERE i.state = 'away' AND i.alone AND EXISTS ("
    "  SELECT 1 FROM swaps_nodeincarnation later WHERE later.node_id = i.node_id"
    "   AND later.alone AND later.connected_at > i.connected_at)"
)


@dataclass(frozen=True, slots=True)
class RenewLease:
    """This process lives, and so do these streams. Nodes of processes that don't are away."""

    durable: ClassVar[bool] = False
    router: uuid.UUID
    streams: Collection[uuid.UUID]
    ends: CertificateEnds | None = None
    pulse: Pulse | None = None

    def statements(self) -> list[Statement]:
        return [
            *(self.pulse.beat() if self.pulse else ()),
            Statement(
                "INSERT INTO swaps_routerprocess AS p"
                " (id, lease_until, certificate_ends_at, authority_ends_at)"
                " VALUES (%(router)s, now() + make_interval(secs => %(lease)s), %(own)s, %(ca)s)"
                # Files that cannot be read just now: those from before are still shown.
                " ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until,"
                # After a break longer than its lease it begins anew.
                " serves_since = CASE WHEN p.lease_until < now() THEN now()"
                " ELSE p.serves_since END,"
                " certificate_ends_at = coalesce(excluded.certificate_ends_at,"
                " p.certificate_ends_at),"
                " authority_ends_at = coalesce(excluded.authority_ends_at, p.authority_ends_at)",
                {
                    "router": self.router,
                    "lease": LEASE.total_seconds(),
                    "own": self.ends.own if self.ends else None,
                    "ca": self.ends.authority if self.ends else None,
                },
            ),
            # A process that was stopped for longer than its lease takes its nodes back.
            Statement(
                "UPDATE swaps_nodeincarnation SET last_seen_at = now(), state = 'connected',"
                " reachable_since = CASE WHEN state = 'away' THEN now() ELSE reachable_since END"
                " WHERE router_id = %(router)s AND stream = ANY(%(streams)s)"
                " AND state IN ('connected', 'away')",
                {"router": self.router, "streams": list(self.streams)},
            ),
            # Of our own: the "away" of a stream that ended may have been refused.
            _nodes(
                "UPDATE swaps_nodeincarnation SET state = 'away', last_seen_at = now()"
                " WHERE router_id = %(router)s AND state = 'connected'"
                " AND NOT stream = ANY(%(streams)s)",
                {"router": self.router, "streams": list(self.streams)},
            ),
            _nodes(
                "UPDATE swaps_nodeincarnation i SET state = 'away' WHERE i.state = 'connected'"
                " AND NOT EXISTS (SELECT 1 FROM swaps_routerprocess p"
                "                 WHERE p.id = i.router_id AND p.lease_until > now())"
            ),
            _REAP,
        ]


def node_connected(node: NodeConnected) -> list[Statement]:
    # Whatever was said of it before (away, reaped, retired): it speaks, so it lives, and
    # what lives may route.
    connected = _nodes(
        "INSERT INTO swaps_nodeincarnation AS i"
        " (node_id, nonce, state, alone, certificate, router_id, stream, ended_reason, nack)"
        " VALUES (%(node_id)s, %(nonce)s, 'connected', %(alone)s, %(certificate)s,"
        " %(router)s, %(stream)s, '', '')"
        " ON CONFLICT (nonce) DO UPDATE SET state = 'connected', router_id = %(router)s,"
        " stream = %(stream)s, certificate = excluded.certificate, last_seen_at = now(),"
        " reachable_since = now(), ended_at = NULL, ended_reason = '', nack = ''"
        " WHERE i.node_id = excluded.node_id",
        {
            "node_id": node.node_id,
            "alone": node.alone,
            "certificate": node.certificate,
            **guard(node.of),
        },
    )
    return [connected, _REAP]


def node_away(away: NodeAway) -> list[Statement]:
    ended = _nodes(
        "UPDATE swaps_nodeincarnation SET state = 'away', last_seen_at = now()"
        " WHERE nonce = %(nonce)s AND router_id = %(router)s AND stream = %(stream)s"
        " AND state = 'connected'",
        guard(away.of),
    )
    return [ended, _REAP]


def node_refusal(refusal: NodeRefusal) -> list[Statement]:
    refused = _nodes(
        "UPDATE swaps_nodeincarnation SET nack = %(detail)s WHERE nonce = %(nonce)s"
        " AND router_id = %(router)s AND stream = %(stream)s",
        {"detail": refusal.detail, **guard(refusal.of)},
    )
    return [refused]


@dataclass(frozen=True, slots=True)
class ProcessEnds:
    """This process ends in order; its lease runs out by itself."""

    durable: ClassVar[bool] = False
    pulse: Pulse

    def statements(self) -> list[Statement]:
        return [self.pulse.end()]
