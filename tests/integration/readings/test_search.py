"""What is found by a name, how much of it, and for whom."""

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from swaps.models import ServedModel
from swaps.readings.overview import search as readings
from swaps.readings.overview.search import Found, search
from tests.integration.readings.rows import a_host, a_model, a_node, a_swap, placed

pytestmark = pytest.mark.django_db
MANY = 20


@pytest.fixture
def iris() -> ServedModel:
    model = a_model("iris", weights={"1.0": 100})
    alpha = a_host("alpha")
    placed(model, "1.0", alpha)
    placed(model, "1.1", alpha, "available")
    placed(model, "1.1", a_host("beta"), "available")
    return model


def names(found: Found) -> list[str]:
    return [hit.name for hit in found.models]


def test_the_very_name_comes_first_then_what_begins_with_it(iris: ServedModel) -> None:
    for name in ("an-iris", "iris-large", "flowers"):
        a_model(name)
    found = search("IRIS", limit=MANY)
    assert names(found) == ["iris", "iris-large", "an-iris"]
    assert found.models[0].serves == {"1.0": 100}


def test_versions_once_each_with_their_hosts(iris: ServedModel) -> None:
    flowers = a_model("flowers")
    placed(flowers, "1.1", a_host("gamma"))
    versions = search("1.1", limit=MANY).versions
    assert [(hit.model, hit.version, hit.hosts) for hit in versions] == [
        ("flowers", "1.1", ("gamma",)),
        ("iris", "1.1", ("alpha", "beta")),
    ]
    two_words = search("iris 1.1", limit=MANY)
    assert [(hit.model, hit.version) for hit in two_words.versions] == [("iris", "1.1")]


def test_a_version_that_is_nowhere_is_not_found(iris: ServedModel) -> None:
    placed(iris, "0.9", a_host("gamma"), "absent")
    assert search("0.9", limit=MANY).versions == []


def test_swaps_by_model_version_reason_and_the_beginning_of_their_id(iris: ServedModel) -> None:
    over = {"state": "Completed", "end_time": timezone.now()}
    one = a_swap(iris, **over, reason="October data")
    other = a_swap(a_model("flowers"), **over, to_version="2.0")
    for text, found in (
        ("iris", [one.pk]),
        ("2.0", [other.pk]),
        ("flowers 2.0", [other.pk]),
        ("flowers 1.1", []),
        ("october", [one.pk]),
        (str(one.pk)[:9], [one.pk]),
        (one.pk.hex, [one.pk]),
        (str(other.pk), [other.pk]),
    ):
        assert [hit.id for hit in search(text, limit=MANY).swaps] == found, text


def test_hosts_and_the_nodes_that_serve(iris: ServedModel) -> None:
    a_node("edge-1")
    a_node("edge-1", "away")
    a_node("edge-9", "retired")
    found = search("edge", limit=MANY)
    assert [hit.name for hit in found.nodes] == ["edge-1"]
    assert [hit.name for hit in search("ALP", limit=MANY).hosts] == ["alpha"]


@pytest.mark.parametrize("text", ["", "   ", "\x00", "resnet", "%", "_", "ffff" * 20, "é" * 500])
def test_what_is_not_there_is_not_found(iris: ServedModel, text: str) -> None:
    a_swap(iris)
    assert search(text, limit=MANY).count == 0


def test_each_kind_is_bounded_and_so_are_the_queries(
    iris: ServedModel, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(6):
        model = a_model(f"iris-{number}")
        placed(model, "iris", a_host(f"iris-host-{number}"))
        a_node(f"iris-node-{number}")
        a_swap(model)
    with django_assert_max_num_queries(8):
        found = search("iris", limit=3)
    assert found.count == 15


def test_text_is_looked_for_in_the_newest_swaps_only(
    iris: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "TEXT_SEARCHED", 1)
    over = {"state": "Completed", "end_time": timezone.now()}
    first, second = a_swap(iris, **over), a_swap(iris, **over)
    assert [hit.id for hit in search("iris", limit=MANY).swaps] == [second.pk]
    assert [hit.id for hit in search(first.pk.hex, limit=MANY).swaps] == [first.pk]


def test_models_out_of_scope_do_not_exist(iris: ServedModel) -> None:
    swap = a_swap(iris)
    for text in ("iris", "1.1", str(swap.pk)):
        found = search(text, scope=frozenset({"flowers"}), limit=MANY)
        assert (found.models, found.versions, found.swaps) == ([], [], []), text
