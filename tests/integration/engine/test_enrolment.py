"""Who may enrol nodes, what is recorded of it, and what the command says when it cannot."""

from datetime import timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django.fixtures import Settings

from swaps.access.certificates import Authority
from swaps.access.roles import NotAllowed
from swaps.commands.errors import InvalidRequest
from swaps.commands.nodes.enrolment import enrol_node, unenrol_node
from swaps.models import AuditEntry, NodeCertificate
from tests.integration.engine.swapping import ADMINISTRATOR, OPERATOR

pytestmark = pytest.mark.django_db


def test_an_administrator_enrols_and_it_is_on_record() -> None:
    issued = enrol_node(
        actor=ADMINISTRATOR, node_id="edge-1", authority=Authority.new(), reason="new rack"
    )
    assert NodeCertificate.objects.get().serial == issued.serial
    entry = AuditEntry.objects.get(action="enrol-node")
    assert (entry.object_name, entry.reason, entry.outcome) == ("edge-1", "new rack", "done")
    assert entry.after == {
        "serial": issued.serial,
        "expires_at": issued.expires_at.isoformat(),
    }


def test_an_operator_may_neither_enrol_nor_unenrol() -> None:
    with pytest.raises(NotAllowed):
        enrol_node(actor=OPERATOR, node_id="edge-1", authority=Authority.new())
    with pytest.raises(NotAllowed):
        unenrol_node(actor=OPERATOR, node_id="edge-1")
    refused = AuditEntry.objects.filter(outcome="refused").order_by("pk")
    assert [entry.action for entry in refused] == ["enrol-node", "unenrol-node"]
    assert not NodeCertificate.objects.exists()


@pytest.mark.parametrize(
    ("node_id", "lifetime", "field"),
    [
        ("Edge 1", timedelta(days=1), "node_id"),
        ("edge-1", timedelta(0), "lifetime"),
        ("edge-1", timedelta(days=9999), "lifetime"),
    ],
)
def test_what_cannot_be_is_refused_by_field(node_id: str, lifetime: timedelta, field: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        enrol_node(
            actor=ADMINISTRATOR, node_id=node_id, authority=Authority.new(), lifetime=lifetime
        )
    assert refused.value.field == field
    assert not NodeCertificate.objects.exists()


def test_the_command_says_what_is_missing(settings: Settings, tmp_path: Path) -> None:
    settings.XDS_CERTIFICATES = tmp_path / "xds"
    folder = tmp_path / "edge-1"
    with pytest.raises(CommandError, match="--router HOST:PORT is missing"):
        call_command("enrolnode", "edge-1", folder=folder)
    with pytest.raises(CommandError, match="'nowhere' is not HOST:PORT"):
        call_command("enrolnode", "edge-1", "--router", "nowhere")
    call_command("enrolnode", "edge-1", "--router", "router-1:18000", "--folder", str(folder))
    with pytest.raises(CommandError, match="is the folder of node edge-1"):
        call_command("enrolnode", "edge-2", folder=folder)
    assert {path.name for path in folder.iterdir()} == {
        *("ca.crt", "node.pem", "certificate.json", "authority.json", "envoy.json", "start.sh")
    }
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("enrolnode", "edge-2", "--router", "r:1", "--folder", "/proc/nowhere/edge-2")
