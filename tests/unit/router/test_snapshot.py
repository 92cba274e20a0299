"""Rows as resources: what is refused before Envoy sees it, and which question a watch asks."""

from dataclasses import replace

import pytest
import xxhash

from swaps.domain.drain_proof import Question
from swaps.router.desired import DesiredModel, DesiredRoute, Endpoint, Watch
from swaps.router.resources.clusters import cluster_problem
from swaps.router.resources.route_tables import route_problem
from swaps.router.snapshot import Snapshot, build_model
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
        ({"gone": ["v0"]}, "version v0 is both served and gone"),
        ({"sticky_header": "x user"}, "'x user' is no header name"),
    ],
)
def test_a_route_that_envoy_would_misread_is_not_built(
    changes: dict[str, object], problem: str
) -> None:
    model = with_route(**changes)
    assert model.route is not None
    said = route_problem(model, model.route)
    assert said is not None
    assert said.endswith(problem)
    assert build_model(model).table is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"endpoints": []}, "no endpoint"),
        ({"endpoints": [Endpoint("127.0.0.1", 0)]}, "port 0"),
        ({"endpoints": [Endpoint("a b", 80)]}, "neither an IP address nor a DNS name"),
        ({"endpoints": [Endpoint("a", 1), Endpoint("b", 1, tls=True)]}, "mixes endpoints"),
        ({"infer_path": "infer"}, "no URL path"),
    ],
)
def test_a_cluster_that_envoy_would_refuse_is_not_built(
    changes: dict[str, object], problem: str
) -> None:
    cluster = replace(a_model().clusters["v0"], **changes)  # type: ignore[arg-type]
    said = cluster_problem(cluster)
    assert said is not None
    assert problem in said


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


def a_watched(revision: int | None, *, route: DesiredRoute | None = None) -> Snapshot:
    model = a_model(revision=5, weights={"v1": 100})
    watch = Watch("w", "hs_10", revision)
    return a_snapshot(replace(model, watches=[watch], route=route or model.route))


def test_a_watch_asks_for_the_very_table_of_its_revision() -> None:
    snapshot = a_watched(5)
    assert snapshot.questions == {"w": Question("hs_10", "rt_1", snapshot.tables["rt_1"].marker)}


@pytest.mark.parametrize(
    ("revision", "reason"),
    [(4, "moved on to revision 5"), (6, "revision 6 of the route was not read yet")],
)
def test_a_watch_for_another_revision_is_not_asked(revision: int, reason: str) -> None:
    [said] = a_watched(revision).models[1].questions.values()
    assert isinstance(said, str)
    assert reason in said


def test_no_proof_while_a_pinned_path_still_leads_there() -> None:
    route = DesiredRoute(1, "rt_1", 5, {"v1": 100}, pinned=["v0"])
    snapshot = a_watched(5, route=route)
    assert snapshot.questions == {}
    assert snapshot.models[1].questions["w"] == "revision 5 still leads to hs_10"


def test_the_question_whether_it_is_idle_now_is_pushed_to_the_nodes() -> None:
    asked, silent = a_watched(None).tables["rt_1"], a_watched(5).tables["rt_1"]
    assert asked.version_info.startswith(silent.version_info + "?")
    assert asked.resource.digest == silent.resource.digest
    assert a_watched(None).questions["w"].marker == asked.marker


def test_a_change_of_the_route_builds_no_cluster_again_and_a_moved_host_does() -> None:
    model = a_model()
    assert model.route is not None
    before = Snapshot().with_models({model.pk: model})
    shifted = replace(model, route=replace(model.route, revision=model.route.revision + 1))
    after = before.with_models({model.pk: shifted})
    assert after.tables != before.tables
    for name, cluster in before.clusters.items():
        assert after.clusters[name] is cluster
    moved = {**model.clusters, "v0": replace(model.clusters["v0"], endpoints=(Endpoint("::1", 1),))}
    again = after.with_models({model.pk: replace(shifted, clusters=moved)})
    changed = {n for n in before.clusters if again.clusters[n].digest != before.clusters[n].digest}
    assert changed == {model.clusters["v0"].name}
