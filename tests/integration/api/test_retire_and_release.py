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


def test_an_autoscaler_says_that_a_machine_has_ended_by_the_nodes_name(
    administrator: Caller,
) -> None:
    states = [NodeState.AWAY, NodeState.AWAY, NodeState.REAPED]
    for number, state in enumerate(states):
        NodeIncarnation.objects.create(node_id="edge-1", nonce=f"run-{number}", state=state)
    other = NodeIncarnation.objects.create(node_id="edge-2", nonce="other", state=NodeState.AWAY)
    for _ in range(2):
        answer = administrator.post("router/nodes/edge-1/ended", {"reason": "scaled in"})
        assert answer.status_code == 200
    ended = NodeIncarnation.objects.filter(node_id="edge-1").order_by("nonce")
    assert [run.state for run in ended] == ["retired", "retired", "reaped"]
    assert "scaled in" in ended[0].ended_reason
    other.refresh_from_db()
    assert other.state == NodeState.AWAY
    entry = AuditEntry.objects.get(action="retire-node", outcome="done")
    assert (entry.object_name, entry.before) == ("edge-1", {"away": ["run-0", "run-1"]})


def test_a_node_that_speaks_lives_whatever_the_autoscaler_says(administrator: Caller) -> None:
    node = _node(NodeState.CONNECTED)
    answer = administrator.post("router/nodes/edge-1/ended", {})
    assert (answer.status_code, answer.json()["code"]) == (409, "not-possible-now")
    assert answer["Retry-After"]
    node.refresh_from_db()
    assert node.state == NodeState.CONNECTED
    assert administrator.post("router/nodes/nobody/ended", {}).status_code == 404


def test_an_operators_token_does_not_end_nodes(operator: Caller) -> None:
    node = _node(NodeState.AWAY)
    assert operator.post("router/nodes/edge-1/ended", {}).status_code == 403
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
