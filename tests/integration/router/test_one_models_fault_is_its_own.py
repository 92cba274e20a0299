"""Whatever rows hold: of a model whose table no Envoy could take nodes keep what they have, and
all others are served as if nothing were.

The database itself refuses some of it, so what refuses there is taken out of the way first.
"""

from collections.abc import Callable, Iterator

import pytest
from django.db import connection

from swaps.models import Cluster, Route, RouteOnNode
from tests.integration.router.parts import (
    EnvoyNode,
    RouterCommand,
    a_cluster,
    a_model,
    applied,
    ask,
    commit_route,
    eventually,
    warm,
)

VERSION = "x-model-version"
CONSTRAINT = "route_sticky_header_is_a_header"


@pytest.fixture
def whatever_headers(transactional_db: None) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE swaps_route DROP CONSTRAINT {CONSTRAINT}")
        yield
        cursor.execute("UPDATE swaps_route SET sticky_header = ''")
        cursor.execute(
            f"ALTER TABLE swaps_route ADD CONSTRAINT {CONSTRAINT}"
            " CHECK (sticky_header::text ~ '^[A-Za-z0-9-]*$')"
        )


def serving(envoy: EnvoyNode, name: str, upstream: int, *versions: str) -> Route:
    """The first of these has all traffic."""
    route = a_model(name)
    clusters = [a_cluster(route, version, upstream) for version in versions]
    eventually(lambda: warm(envoy, *clusters), f"{name} is warm")
    commit_route(route, {versions[0]: 100})
    eventually(lambda: applied(route, envoy), f"{name} serves")
    return route


def refused(route: Route, node: EnvoyNode, words: str) -> RouteOnNode:
    def row() -> RouteOnNode | None:
        return RouteOnNode.objects.filter(
            route=route,
            incarnation__nonce=node.nonce,
            nacked_revision=route.revision,
            nack_detail__contains=words,
        ).first()

    found = eventually(row, f"{node.node_id} is said to refuse it: {words}")
    assert found is not None
    return found


def version_of(node: EnvoyNode, model: str) -> str | None:
    return ask(node.port, "POST", f"/v2/models/{model}/infer").headers.get(VERSION)


def spoil_the_header(route: Route) -> None:
    Route.objects.filter(pk=route.pk).update(sticky_header="x_user")


def spoil_the_weights(route: Route) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE swaps_route DISABLE TRIGGER USER")
        cursor.execute("UPDATE swaps_route SET pinned = '7' WHERE id = %s", [route.pk])
        cursor.execute("ALTER TABLE swaps_route ENABLE TRIGGER USER")


@pytest.mark.usefixtures("whatever_headers")
@pytest.mark.parametrize(
    ("spoil", "words"),
    [(spoil_the_header, "'x_user' is no name"), (spoil_the_weights, "cannot be read")],
)
def test_a_model_that_no_table_can_be_made_of_delays_nobody_and_has_a_way_back(
    spoil: Callable[[Route], None],
    words: str,
    envoy: EnvoyNode,
    router: RouterCommand,
    new_envoy: Callable[..., EnvoyNode],
    upstream: int,
) -> None:
    good = serving(envoy, "good", upstream, "1.0")
    bad = serving(envoy, "bad", upstream, "1.0", "1.1")

    commit_route(bad, {"1.0": 50, "1.1": 50})
    eventually(lambda: applied(bad, envoy), "the split is applied")
    spoil(bad)
    Route.objects.filter(pk=bad.pk).update(revision=bad.revision + 1)
    bad.revision += 1
    refused(bad, envoy, words)
    assert version_of(envoy, "bad") in {"1.0", "1.1"}, "it serves by what it had"

    # Also after its router process was another for a while, which has nothing to remember.
    router.kill()
    router.start()
    before = envoy.row.stream
    eventually(lambda: envoy.row.stream != before, "the node is back")
    refused(bad, envoy, words)
    assert version_of(envoy, "bad") in {"1.0", "1.1"}

    later = new_envoy(node_id="envoy-2")
    eventually(lambda: applied(good, later), "an Envoy that starts now serves the others")
    assert version_of(later, "good") == "1.0"
    answer = ask(later.port, "POST", "/v2/models/bad/infer")
    assert answer.status == 503
    assert "its route is refused" in answer.json["error"]
    assert VERSION not in answer.headers
    assert refused(bad, later, words).revision == 0, "a stand-in is no revision"

    # The way back has one version.
    Route.objects.filter(pk=bad.pk).update(pinned=[])
    commit_route(bad, {"1.0": 100})
    eventually(lambda: applied(bad, envoy, later), "the way back is taken by both")
    assert version_of(later, "bad") == "1.0"


def test_a_cluster_that_cannot_be_read_is_its_models_fault_alone(
    envoy: EnvoyNode, router: RouterCommand, upstream: int
) -> None:
    good = serving(envoy, "good", upstream, "1.0")
    bad = serving(envoy, "bad", upstream, "1.0", "1.1")
    second = Cluster.objects.get(model=bad.model, version="1.1")
    Cluster.objects.filter(pk=second.pk).update(endpoints={"no": "list"}, paths=[])
    commit_route(bad, {"1.1": 100})
    refused(bad, envoy, "cannot be read")
    assert version_of(envoy, "bad") == "1.0"
    commit_route(good, {"1.0": 100}, gone=["0.9"])
    eventually(lambda: applied(good, envoy), "the others go on")
    assert router.process is not None
    assert router.process.poll() is None
