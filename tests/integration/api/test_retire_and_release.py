"""What only a person can vouch for: a node that is gone, a line that may go on."""

import pytest

from swaps.models import AuditEntry, NodeIncarnation, Route, ServedModel
from swaps.models.nodes import NodeState
from tests.integration.api.caller import Caller

pytestmark = pytest.mark.django_db


def _node(state: NodeState) -> NodeIncarnation:
    return NodeIncarnation.objects.create(node_id="edge-1", nonce="a-nonce", state=state)


def test_an_administrator_retires_a_node_that_is_away(administrator: Caller) -> None:
    node = _node(NodeState.AWAY)
    answer = administrator.post("router/nodes/a-nonce/retire", {"reason": "the box burned down"})
    assert answer.status_code == 200
    node.refresh_from_db()
    assert node.state == NodeState.RETIRED
    assert "the box burned down" in node.ended_reason
    entry = AuditEntry.objects.get(action="retire-node", outcome="done")
    assert entry.reason == "the box burned down"


def test_a_node_that_is_connected_cannot_be_retired(administrator: Caller) -> None:
    node = _node(NodeState.CONNECTED)
    answer = administrator.post("router/nodes/a-nonce/retire", {})
    assert answer.status_code == 409
    assert answer.json()["code"] == "not-possible-now"
    node.refresh_from_db()
    assert node.state == NodeState.CONNECTED


def test_an_unknown_node_is_not_found(administrator: Caller) -> None:
    answer = administrator.post("router/nodes/nobody/retire", {})
    assert answer.status_code == 404
    assert answer.json()["code"] == "node-not-found"


def test_an_operator_may_not_retire_a_node(operator: Caller) -> None:
    node = _node(NodeState.AWAY)
    assert operator.post("router/nodes/a-nonce/retire", {}).status_code == 403
    node.refresh_from_db()
    assert node.state == NodeState.AWAY


def test_an_operator_releases_a_held_line(operator: Caller) -> None:
    model = ServedModel.objects.create(name="iris", queue_held_reason="1.0 → 1.1 ended Failed")
    Route.objects.create(model=model)
    assert operator.post("models/iris/queue/release", {}).status_code == 200
    model.refresh_from_db()
    assert model.queue_held_reason == ""
    again = operator.post("models/iris/queue/release", {})
    assert again.status_code == 409
