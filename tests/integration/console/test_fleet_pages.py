"""The pages of hosts and of the router: what they say of the rows behind them."""

import pytest
from django.test import Client

from swaps.models import ModelHost
from tests.integration.console.conftest import INLINE
from tests.integration.readings.rows import a_host, a_model, a_node, acked, placed

pytestmark = pytest.mark.django_db


def test_an_empty_fleet_says_what_to_do(viewer: Client) -> None:
    assert "No model host is registered yet" in viewer.get("/hosts").content.decode()
    assert "No Envoy has connected yet" in viewer.get("/router").content.decode()


def test_a_host_shows_its_health_and_what_is_wanted_against_what_is_seen(viewer: Client) -> None:
    host = a_host("alpha", health="unreachable")
    ModelHost.objects.filter(pk=host.pk).update(
        health_reason="connection refused", control_token="hush-hush"
    )
    placed(a_model("iris"), "1.0", host, "available")
    assert 'href="/hosts/alpha"' in viewer.get("/hosts").content.decode()
    response = viewer.get("/hosts/alpha")
    page = response.content.decode()
    for words in ("unreachable", "connection refused", "has a control token", "available"):
        assert words in page
    assert "hush-hush" not in page
    assert INLINE.search(page) is None
    assert viewer.get("/hosts/none").status_code == 404
    assert viewer.post("/hosts/alpha").status_code == 405


def test_the_router_shows_who_is_behind_and_what_was_refused(viewer: Client) -> None:
    model = a_model("iris", weights={"1.0": 100})
    node = a_node("edge-1")
    acked(node, model, 0)
    node.nack = "the cluster is not known"
    node.save()
    page = viewer.get("/router").content.decode()
    for words in ("edge-1", "behind", "the cluster is not known", "not applied everywhere"):
        assert words in page
    acked(node, model, 1)
    page = viewer.get("/router").content.decode()
    assert "behind" not in page
    assert "applied on every node" in page
