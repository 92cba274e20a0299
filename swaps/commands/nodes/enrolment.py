"""Which nodes may speak to router processes over the network: certificates issued and revoked."""

from datetime import timedelta

from django.db import transaction
from django.db.models.functions import Now

from swaps.access.certificates import CERTIFICATE_LIFETIME, Authority, Issued
from swaps.access.roles import Action, Actor
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, NodeNotFound
from swaps.commands.refusals import audited
from swaps.domain.names import name_problem
from swaps.models import NodeCertificate

LONGEST_LIFETIME = timedelta(days=825)


def enrol_node(
    *,
    actor: Actor,
    node_id: str,
    authority: Authority,
    lifetime: timedelta = CERTIFICATE_LIFETIME,
    reason: str = "",
) -> Issued:
    """A certificate for this node, with a key that is kept nowhere else.

    Earlier ones stay good until they end or the node is un-enrolled, so that renewing
    interrupts nothing. Raises NotAllowed, InvalidRequest.
    """
    with audited(actor, Action.ENROL_NODE, "node", node_id):
        actor.require(Action.ENROL_NODE)
        problem = name_problem(node_id, of="node")
        if problem:
            raise InvalidRequest("node_id", problem)
        if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
            raise InvalidRequest(
                "lifetime", f"a certificate lasts from 1 to {LONGEST_LIFETIME.days} days"
            )
        issued = authority.issue_node(node_id, lifetime)
        with transaction.atomic():
            NodeCertificate.objects.create(
                node_id=node_id, serial=issued.serial, expires_at=issued.expires_at
            )
            record(
                actor=actor,
                action=Action.ENROL_NODE,
                object_kind="node",
                object_name=node_id,
                reason=reason,
                after={"serial": issued.serial, "expires_at": issued.expires_at.isoformat()},
            )
    return issued


def unenrol_node(*, actor: Actor, node_id: str, reason: str = "") -> int:
    """Revoke all certificates of this node; how many there were that still stood.

    Router processes end its streams within a second or two and refuse it from then on. What it
    was told before it goes on routing: end its process, and retire it where nobody saw it end.
    Raises NotAllowed; NodeNotFound for a node that is not enrolled.
    """
    with audited(actor, Action.UNENROL_NODE, "node", node_id):
        actor.require(Action.UNENROL_NODE)
        with transaction.atomic():
            standing = NodeCertificate.objects.select_for_update().filter(
                node_id=node_id, revoked_at=None
            )
            serials = list(standing.values_list("serial", flat=True))
            if not serials:
                raise NodeNotFound(f"no node {node_id} is enrolled")
            standing.update(revoked_at=Now())
            record(
                actor=actor,
                action=Action.UNENROL_NODE,
                object_kind="node",
                object_name=node_id,
                reason=reason,
                before={"serials": serials},
            )
    return len(serials)
