"""Rows as resources: what is refused before Envoy sees it, and which question a watch asks."""

from dataclasses import replace

import pytest
import xxhash
from envoy.config.route.v3 import route_pb2

from swaps.domain.drain_proof import Question
from swaps.router.port import DesiredModel, DesiredRoute, Endpoint, Watch
from swaps.router.resources.clusters import cluster_problem
from swaps.router.resources.route_tables import route_problem
from swaps.router.resources.snapshot import ResourceSnapshot, build_model
from tests.unit.router.test_node_session import a_model, a_snapshot


def with_route(**changes: object) -> DesiredModel:
    model = a_model()
    assert model.route is not None
    return replace(model, route=replace(model.route, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"weights": {"v0": 60}}, "weights sum to 60, not 100"),
        ({"weights": {"v0": 150, "v1": -50}}, "a weight is negative"),
        ({"weights": {"v7": 100}}, "version v7 has no cluster"),
        ({"pinned": ["v7"]}, "version v7 has no cluster"),
        ({"weights": {"v0": "100"}}, "'100' is no weight"),
        ({"weights": {"v0": True, "v1": 99}}, "True is no weight"),
        ({"weights": {"v0": 99.5, "v1": 0.5}}, "99.5 is no weight"),
        (
            {"weights": {"v0": 50, "v1": 50}, "sticky_header": "x_user"},
            "header's name are refused)",
        ),
        ({"weights": {"v0": 50, "v1": 50}, "split_salt": "\\1"}, "is no salt"),
    ],
)
def test_a_route_that_envoy_would_misread_is_not_built(
    changes: dict[str, object], problem: str
) -> None:
    model = with_route(**changes)
    assert model.route is not None
    reason_given = route_problem(model, model.route)
    assert reason_given is not None
    assert reason_given.endswith(problem)
    assert build_model(model).table is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"endpoints": []}, "no endpoint"),
        ({"endpoints": [Endpoint("127.0.0.1", 0)]}, "port 0"),
        ({"endpoints": [Endpoint("a b", 80)]}, "neither an IP address nor a DNS name"),
        ({"endpoints": [Endpoint("a", 1), Endpoint("b", 1, tls=True)]}, "mixes endpoints"),
        ({"infer_path": "infer"}, "no URL path"),
        ({"infer_path": "/é"}, "no URL path"),
        ({"ready_path": "/a?b"}, "no URL path"),
        ({"metadata_path": "/" + "a" * 20_000}, "no URL path"),
        ({"endpoints": [Endpoint("fe80::1%eth0", 80)]}, "neither an IP address nor a DNS name"),
        ({"endpoints": [Endpoint("a", 80, True, "b c")]}, "neither an IP address nor a DNS name"),
        ({"endpoints": [Endpoint("a", "80")]}, "port '80'"),  # type: ignore[arg-type]
        ({"endpoints": [Endpoint("a", True)]}, "port True"),
        ({"version": "no version"}, "cannot be a version name"),
    ],
)
def test_a_cluster_that_envoy_would_refuse_is_not_built(
    changes: dict[str, object], problem: str
) -> None:
    cluster = replace(a_model().clusters["v0"], **changes)  # type: ignore[arg-type]
    reason_given = cluster_problem(cluster)
    assert reason_given is not None
    assert problem in reason_given


def test_a_model_whose_rows_did_not_change_is_not_built_again() -> None:
    before = a_snapshot(a_model(1), a_model(2))
    assert before.with_models({1: a_model(1), 2: a_model(2)}, forget_others=True) is before
    after = before.with_models({2: a_model(2, revision=2)})
    assert after.models[1] is before.models[1]
    assert after.models[2] is not before.models[2]


def test_versions_carry_revision_and_content_whoever_computes_them() -> None:
    one, other = (a_snapshot(a_model(revision=3)).tables["rt_1"] for _ in range(2))
    assert one.version_info == other.version_info
    assert one.version_info.startswith("model-1@3.")
    different = a_snapshot(a_model(revision=3, weights={"v1": 100})).tables["rt_1"]
    assert different.version_info != one.version_info
    assert one.marker == float(xxhash.xxh64_intdigest(one.version_info.encode()))


def a_watched(revision: int | None, *, route: DesiredRoute | None = None) -> ResourceSnapshot:
    model = a_model(revision=5, weights={"v1": 100})
    watch = Watch("w", "hs_10", revision)
    return a_snapshot(replace(model, watches=[watch], route=route or model.route))


def test_a_watch_asks_for_the_very_table_of_its_revision() -> None:
    snapshot = a_watched(5)
    marker = snapshot.tables["rt_1"].marker
    assert snapshot.questions == {"w": Question("hs_10", "rt_1", frozenset({marker}))}


@pytest.mark.parametrize(
    ("revision", "reason"),
    [(4, "moved on to revision 5"), (6, "revision 6 of the route was not read yet")],
)
def test_a_watch_for_another_revision_is_not_asked(revision: int, reason: str) -> None:
    [reason_given] = a_watched(revision).models[1].questions.values()
    assert isinstance(reason_given, str)
    assert reason in reason_given


def test_no_proof_while_a_pinned_path_still_leads_there() -> None:
    route = DesiredRoute(1, "rt_1", 5, {"v1": 100}, pinned=["v0"])
    snapshot = a_watched(5, route=route)
    assert snapshot.questions == {}
    assert snapshot.models[1].questions["w"] == "revision 5 still leads to hs_10"


def test_a_question_of_a_reader_is_pushed_and_leaves_the_models_own_table_as_it_is() -> None:
    asked, silent = a_watched(None), a_watched(5)
    assert asked.tables["rt_1"].version_info == silent.tables["rt_1"].version_info
    question = asked.questions["w"]
    assert (question.table, question.markers) == ("rt_asked", {asked.asked.table.marker})
    assert asked.asked.table.marker != silent.asked.table.marker
    assert asked.tables["rt_asked"] is asked.asked.table


def test_a_reader_knows_its_answer_by_every_version_since_it_asked() -> None:
    model = a_model(revision=5, weights={"v1": 100})
    first = a_snapshot(replace(model, watches=[Watch("w", "hs_10", None)]))
    both = [Watch("other", "hs_11", None), Watch("w", "hs_10", None)]
    second = first.with_models({model.pk: replace(model, watches=both)})
    markers = {first.asked.table.marker, second.asked.table.marker}
    assert second.questions["w"].markers == markers
    assert second.questions["other"].markers == {second.asked.table.marker}


def test_what_no_table_can_hold_of_gone_versions_is_left_out() -> None:
    route = with_route(gone=["v0", "a?b", 7, "v9"]).route
    assert route is not None
    built = build_model(replace(a_model(), route=route))
    assert built.problem == ""
    assert built.table is not None
    prefixes = route_pb2.RouteConfiguration.FromString(built.table.resource.message.value)
    found = [one.match.path_separated_prefix for one in prefixes.virtual_hosts[0].routes]
    assert [one for one in found if one.endswith(("v9", "v0", "b"))] == [
        "/v2/models/model-1/versions/v9"
    ]


def test_a_model_that_cannot_be_built_any_more_stays_as_it_was_built_last() -> None:
    good = a_snapshot(a_model(1), a_model(2))
    broken = replace(a_model(1, revision=2), unreadable="its route cannot be read", clusters={})
    after = good.with_models({1: broken})
    assert after.tables["rt_1"] is good.tables["rt_1"]
    assert after.clusters["hs_10"] is good.clusters["hs_10"]
    assert after.tables["rt_2"] is good.tables["rt_2"]
    [(route, problem)] = after.unpushable_routes
    assert (route.revision, problem) == (2, "its route cannot be read")


def test_a_cluster_that_became_unbuildable_stays_as_it_was_built_last() -> None:
    good = a_snapshot(a_model())
    moved = replace(a_model().clusters["v0"], endpoints=(Endpoint("a b", 1),))
    after = good.with_models({1: replace(a_model(), clusters={**a_model().clusters, "v0": moved})})
    assert after.clusters["hs_10"] is good.clusters["hs_10"]
    assert "neither an IP address" in after.cluster_problems["hs_10"]


def test_a_model_whose_name_no_scope_can_have_is_left_out_alone() -> None:
    snapshot = a_snapshot(replace(a_model(1), name=""), a_model(2))
    assert set(snapshot.scopes) == {"sc_2", "sc_asked"}
    assert [problem for _, problem in snapshot.unpushable_routes] == ["a scope needs a name"]


def test_a_route_with_one_version_carries_nothing_of_a_split() -> None:
    route = with_route(sticky_header="x_user", split_salt="\\1").route
    assert route is not None
    assert route_problem(a_model(), route) is None
    plain = build_model(a_model()).table
    split = build_model(replace(a_model(), route=route)).table
    assert plain is not None
    assert split is not None
    assert split.resource.digest == plain.resource.digest


def test_a_change_of_the_route_builds_no_cluster_again_and_a_moved_host_does() -> None:
    model = a_model()
    assert model.route is not None
    before = ResourceSnapshot().with_models({model.pk: model})
    shifted = replace(model, route=replace(model.route, revision=model.route.revision + 1))
    after = before.with_models({model.pk: shifted})
    assert after.tables != before.tables
    for name, cluster in before.clusters.items():
        assert after.clusters[name] is cluster
    moved = {**model.clusters, "v0": replace(model.clusters["v0"], endpoints=(Endpoint("::1", 1),))}
    again = after.with_models({model.pk: replace(shifted, clusters=moved)})
    changed = {n for n in before.clusters if again.clusters[n].digest != before.clusters[n].digest}
    assert changed == {model.clusters["v0"].name}
