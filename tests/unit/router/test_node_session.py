"""One Envoy's stream without the network: what is sent when, and what its answers mean."""

from dataclasses import replace

from envoy.service.discovery.v3 import discovery_pb2
from google.rpc import status_pb2  # type: ignore[import-untyped]

from swaps.router.port import DesiredCluster, DesiredModel, DesiredRoute, Endpoint
from swaps.router.resources.listeners import LISTENER, build_listener
from swaps.router.resources.snapshot import ResourceSnapshot, resource
from swaps.router.xds.session import (
    CLUSTERS,
    LISTENERS,
    ROUTES,
    SCOPES,
    NodeRefuses,
    NodeSession,
    RouteAcked,
    RouteRefused,
)

type Response = discovery_pb2.DiscoveryResponse


def a_model(
    pk: int = 1, *, revision: int = 1, weights: dict[str, int] | None = None, clusters: int = 2
) -> DesiredModel:
    """Versions v0, v1, … on clusters hs_<pk>0, hs_<pk>1, …"""
    live = {
        f"v{n}": DesiredCluster(
            pk=pk * 10 + n,
            name=f"hs_{pk}{n}",
            version=f"v{n}",
            endpoints=(Endpoint("127.0.0.1", 9000 + n),),
            infer_path=f"/{n}/infer",
            ready_path=f"/{n}/ready",
            metadata_path=f"/{n}",
            health_path=f"/{n}/ready",
        )
        for n in range(clusters)
    }
    route = DesiredRoute(pk, f"rt_{pk}", revision, {"v0": 100} if weights is None else weights)
    return DesiredModel(pk, f"model-{pk}", route, live)


def a_snapshot(*models: DesiredModel) -> ResourceSnapshot:
    return ResourceSnapshot().with_models({model.pk: model for model in models}, forget_others=True)


class Node:
    """The other end of the stream, as Envoy behaves."""

    def __init__(self, snapshot: ResourceSnapshot, served: frozenset[str] = frozenset()) -> None:
        listener = resource(LISTENER, build_listener("127.0.0.1", 8080))
        self.session = NodeSession(listener, snapshot, served)

    def asks(self, kind: str, *names: str) -> list[Response]:
        self.session.on_request(discovery_pb2.DiscoveryRequest(type_url=kind, resource_names=names))
        return self.session.take_responses()

    def answers(self, response: Response, *names: str, refusing: str = "") -> list[Response]:
        self.session.on_request(
            discovery_pb2.DiscoveryRequest(
                type_url=response.type_url,
                response_nonce=response.nonce,
                resource_names=names,
                error_detail=status_pb2.Status(message=refusing) if refusing else None,
            )
        )
        return self.session.take_responses()

    def gets(self, snapshot: ResourceSnapshot) -> list[Response]:
        self.session.set_snapshot(snapshot)
        return self.session.take_responses()

    def connects(self, *tables: str) -> None:
        """Everything asked for and ACKed; outcomes forgotten."""
        responses = self.asks(CLUSTERS) + self.asks(SCOPES) + self.asks(LISTENERS)
        responses += self.asks(ROUTES, *tables)
        while responses:
            response = responses.pop(0)
            names = tables if response.type_url == ROUTES else ()
            responses += self.answers(response, *names)
        self.session.take_outcomes()


def kinds(responses: list[Response]) -> list[str]:
    return [response.type_url for response in responses]


def test_a_table_waits_for_the_ack_of_its_clusters() -> None:
    node = Node(a_snapshot(a_model()))
    assert node.asks(ROUTES, "rt_1") == []
    [clusters] = node.asks(CLUSTERS)
    [table] = node.answers(clusters)
    assert table.type_url == ROUTES
    assert table.version_info.startswith("model-1@1.")


def test_an_ack_is_told_with_its_revision() -> None:
    node = Node(a_snapshot(a_model()))
    node.connects("rt_1")
    [table] = node.gets(a_snapshot(a_model(revision=2, weights={"v1": 100})))
    assert node.session.take_outcomes() == []
    node.answers(table, "rt_1")
    assert node.session.take_outcomes() == [RouteAcked(1, 2)]


def test_only_the_table_that_changed_is_sent() -> None:
    node = Node(a_snapshot(a_model(1), a_model(2)))
    node.connects("rt_1", "rt_2")
    responses = node.gets(a_snapshot(a_model(1), a_model(2, revision=2)))
    assert [response.version_info[:10] for response in responses] == ["model-2@2."]
    assert len(responses[0].resources) == 1


def test_a_request_with_an_old_nonce_is_no_ack() -> None:
    node = Node(a_snapshot(a_model()))
    node.connects("rt_1")
    node.gets(a_snapshot(a_model(revision=2)))
    node.session.on_request(
        discovery_pb2.DiscoveryRequest(type_url=ROUTES, response_nonce="1", resource_names=["rt_1"])
    )
    assert node.session.take_outcomes() == []


def a_broken_model(pk: int = 1) -> DesiredModel:
    return replace(a_model(pk, revision=2), unreadable="its route cannot be read")


def test_a_node_without_a_table_gets_a_stand_in_for_what_cannot_be_pushed() -> None:
    node = Node(a_snapshot(a_broken_model(1), a_model(2)))
    [clusters] = node.asks(CLUSTERS)
    node.answers(clusters)
    stand_in, good = node.asks(ROUTES, "rt_1", "rt_2")
    assert stand_in.version_info.startswith("model-1@none.")
    assert good.version_info.startswith("model-2@1.")
    assert node.session.take_outcomes() == [RouteRefused(1, 2, "its route cannot be read")]
    node.answers(stand_in, "rt_1", "rt_2")
    assert node.session.take_outcomes() == [], "it is no revision that anybody applied"
    [mended] = node.gets(a_snapshot(a_model(1, revision=3), a_model(2)))
    node.answers(mended, "rt_1", "rt_2")
    assert node.session.take_outcomes() == [RouteAcked(1, 3)]


def test_a_node_that_serves_a_model_keeps_its_table_when_a_later_one_cannot_be_pushed() -> None:
    node = Node(a_snapshot(a_model(1)))
    node.connects("rt_1")
    assert node.gets(a_snapshot(a_broken_model(1))) == []
    assert node.session.held_tables()["rt_1"].revision == 1
    again = Node(a_snapshot(a_broken_model(1)), served=frozenset({"rt_1"}))
    [clusters] = again.asks(CLUSTERS)
    again.answers(clusters)
    assert again.asks(ROUTES, "rt_1") == [], "on its next stream too"


def test_a_node_that_refuses_the_first_table_it_gets_is_given_a_stand_in() -> None:
    node = Node(a_snapshot(a_model(1)))
    [clusters] = node.asks(CLUSTERS)
    node.answers(clusters)
    [table] = node.asks(ROUTES, "rt_1")
    [stand_in] = node.answers(table, "rt_1", refusing="no such filter")
    assert stand_in.version_info.startswith("model-1@none.")
    assert node.answers(stand_in, "rt_1") == []
    assert node.session.take_outcomes() == [RouteRefused(1, 1, "no such filter")]


def test_a_refused_scope_is_left_out_and_the_rest_goes_on() -> None:
    node = Node(a_snapshot(a_model(1), a_model(2)))
    [scopes] = node.asks(SCOPES)
    [without] = node.answers(scopes, refusing="Error adding/updating scoped route(s): sc_2: bad")
    assert not any(b"sc_2" in one.value for one in without.resources)
    assert any(b"sc_1" in one.value for one in without.resources)


def test_a_cluster_that_is_refused_in_a_new_form_stays_in_the_one_that_was_taken() -> None:
    node = Node(a_snapshot(a_model(1)))
    node.connects("rt_1")
    moved = replace(a_model().clusters["v0"], endpoints=(Endpoint("10.9.9.9", 1),))
    [clusters] = node.gets(
        a_snapshot(replace(a_model(), clusters={**a_model().clusters, "v0": moved}))
    )
    [without] = node.answers(clusters, refusing="Error adding/updating cluster(s) hs_10: bad")
    [kept] = [one for one in without.resources if b"hs_10" in one.value]
    assert b"10.9.9.9" not in kept.value


def test_what_is_told_again_is_all_that_stands() -> None:
    node = Node(a_snapshot(a_model(1), a_model(2)))
    node.connects("rt_1", "rt_2")
    [table] = node.gets(a_snapshot(a_model(1), a_model(2, revision=2)))
    node.answers(table, "rt_1", "rt_2", refusing="bad")
    node.session.take_outcomes()
    node.session.tell_again()
    assert set(node.session.take_outcomes()) == {
        RouteAcked(1, 1),
        RouteAcked(2, 1),
        RouteRefused(2, 2, "bad"),
        NodeRefuses(""),
    }


def test_a_refused_table_is_told_and_not_sent_again_until_it_changes() -> None:
    node = Node(a_snapshot(a_model()))
    node.connects("rt_1")
    [table] = node.gets(a_snapshot(a_model(revision=2)))
    assert node.answers(table, "rt_1", refusing="no such filter") == []
    assert node.session.take_outcomes() == [RouteRefused(1, 2, "no such filter")]
    assert node.session.held_tables()["rt_1"].revision == 1
    [better] = node.gets(a_snapshot(a_model(revision=3)))
    node.answers(better, "rt_1")
    assert node.session.take_outcomes() == [RouteAcked(1, 3)]


def test_a_table_whose_answer_was_skipped_is_sent_again() -> None:
    node = Node(a_snapshot(a_model(1), a_model(2)))
    node.connects("rt_1", "rt_2")
    first, second = node.gets(a_snapshot(a_model(1, revision=2), a_model(2, revision=2)))
    [again] = node.answers(second, "rt_1", "rt_2")
    assert again.version_info == first.version_info
    assert len(node.session.take_outcomes()) == 1


def test_a_cluster_leaves_only_after_the_table_that_named_it() -> None:
    node = Node(a_snapshot(a_model(clusters=1)))
    node.connects("rt_1")
    moved = DesiredModel(
        1,
        "model-1",
        DesiredRoute(1, "rt_1", 2, {"v1": 100}),
        {"v1": a_model().clusters["v1"]},
    )
    [clusters] = node.gets(a_snapshot(moved))
    assert [resource.value.count(b"hs_10") > 0 for resource in clusters.resources].count(True) == 1
    [table] = node.answers(clusters)
    [without] = node.answers(table, "rt_1")
    assert without.type_url == CLUSTERS
    assert not any(b"hs_10" in resource.value for resource in without.resources)


def test_a_refused_cluster_is_left_out_and_the_rest_goes_on() -> None:
    node = Node(a_snapshot(a_model(1)))
    node.connects("rt_1")
    clusters, _scopes = node.gets(a_snapshot(a_model(1), a_model(2)))
    [without] = node.answers(clusters, refusing="Error adding/updating cluster(s) hs_20: bad")
    assert without.type_url == CLUSTERS
    assert not any(b"hs_20" in resource.value for resource in without.resources)
    assert any(b"hs_21" in resource.value for resource in without.resources)
    node.answers(without)
    [told, *_] = node.session.take_outcomes()
    assert isinstance(told, NodeRefuses)
    assert "hs_20" in told.detail

    node.asks(ROUTES, "rt_1", "rt_2")
    [refused] = node.session.take_outcomes()
    assert isinstance(refused, RouteRefused)
    assert refused.route_pk == 2
    [table] = node.gets(a_snapshot(a_model(1, revision=2), a_model(2)))
    assert table.version_info.startswith("model-1@2.")


def test_a_route_to_a_version_without_a_cluster_is_never_sent() -> None:
    node = Node(a_snapshot(a_model()))
    node.connects("rt_1")
    assert node.gets(a_snapshot(a_model(revision=2, weights={"v9": 100}))) == []
    [refused] = node.session.take_outcomes()
    assert refused == RouteRefused(1, 2, "route of model-1 revision 2: version v9 has no cluster")


def test_a_new_stream_is_sent_everything_again() -> None:
    snapshot = a_snapshot(a_model(1), a_model(2))
    Node(snapshot).connects("rt_1", "rt_2")
    again = Node(snapshot)
    [clusters] = again.asks(CLUSTERS)
    assert kinds(again.asks(ROUTES, "rt_1", "rt_2")) == []
    assert kinds(again.answers(clusters)) == [ROUTES, ROUTES]


def test_a_refused_listener_is_tried_again() -> None:
    node = Node(a_snapshot())
    node.answers(*node.asks(CLUSTERS))
    [listener] = node.asks(LISTENERS)
    assert node.answers(listener, refusing="cannot bind: Address already in use") == []
    assert node.session.take_outcomes() == [
        NodeRefuses("listener: cannot bind: Address already in use")
    ]
    node.session.retry_refused_listener()
    [again] = node.session.take_responses()
    node.answers(again)
    assert node.session.take_outcomes() == [NodeRefuses("")]
