"""When the certificates end by which nodes of other machines and router processes know each
other, and what to do before.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from django.db.models.functions import Now

from swaps.access.certificate_folder import ends_soon
from swaps.models import NodeCertificate, NodeIncarnation, RouterProcess
from swaps.models.nodes import NodeState
from swaps.readings.shared.json_form import one_of


class Holder(StrEnum):
    NODE = "node"
    ROUTER_PROCESS = "router-process"
    # What a router process trusts nodes by. Each has a file of it, and names it as its own.
    AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class CertificateReading:
    """`name`: the node's, or the router process's id. `warning`: null while it is far off."""

    holder: Annotated[str, one_of(list(Holder))]
    name: str
    ends_at: datetime
    warning: str | None


def read_certificates() -> list[CertificateReading]:
    """Those in use, by holder and name; none where no router process listens to the network."""
    return [*_of_nodes(), *_of_router_processes()]


def warnings_of(certificates: Iterable[CertificateReading]) -> list[str]:
    return [one.warning for one in certificates if one.warning is not None]


def _of_nodes() -> Iterable[CertificateReading]:
    standing = NodeCertificate.objects.filter(revoked_at=None)
    newest: dict[str, datetime] = {}
    for one in standing.order_by("node_id", "expires_at"):
        newest[one.node_id] = one.expires_at
    connected = NodeIncarnation.objects.filter(state=NodeState.CONNECTED).exclude(certificate="")
    # The newest may lie in a folder that nobody has brought to the node's machine yet.
    shown: dict[str, datetime] = {}
    for one in standing.filter(serial__in=connected.values_list("certificate")):
        shown[one.node_id] = min(one.expires_at, shown.get(one.node_id, one.expires_at))
    for node, newest_ends_at in newest.items():
        ends_at = shown.get(node, newest_ends_at)
        warning = None
        if ends_soon(ends_at) and not ends_soon(newest_ends_at):
            warning = (
                f"node {node} still shows a certificate that ends on {ends_at:%Y-%m-%d}, though "
                f"it was renewed until {newest_ends_at:%Y-%m-%d}: bring node.pem of its folder "
                "to its machine; it shows the new one within a day of that"
            )
        elif ends_soon(ends_at):
            warning = (
                f"the certificate of node {node} ends on {ends_at:%Y-%m-%d}: it gets no routes "
                f"any more then; `manage.py enrolnode {node}` renews it, `unenrolnode` ends it"
            )
        yield CertificateReading(Holder.NODE, node, ends_at, warning)


def _of_router_processes() -> Iterable[CertificateReading]:
    for process in RouterProcess.objects.filter(lease_until__gt=Now()).order_by("started_at"):
        own, authority = process.certificate_ends_at, process.authority_ends_at
        if own is not None:
            words = "the certificate"
            yield _of_a_router_process(Holder.ROUTER_PROCESS, words, process, own)
        if authority is not None:
            words = "the authority's certificate"
            yield _of_a_router_process(Holder.AUTHORITY, words, process, authority)


def _of_a_router_process(
    holder: Holder, words: str, process: RouterProcess, ends_at: datetime
) -> CertificateReading:
    warning = (
        f"{words} of router process {process.pk} ends on {ends_at:%Y-%m-%d}: Envoys of other "
        'machines are cut off then; see "Envoys on other machines" in the handbook'
    )
    return CertificateReading(
        holder, str(process.pk), ends_at, warning if ends_soon(ends_at) else None
    )
