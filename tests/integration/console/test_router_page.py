"""The router's page: who is behind, what was refused, who is missed, and live."""

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from swaps.access.roles import Role
from tests.integration.console.conftest import a_person
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import a_model, a_node, acked

__all__ = ["open_page"]  # a fixture

pytestmark = pytest.mark.django_db


def test_without_any_node_it_says_so(viewer: Client) -> None:
    assert "No Envoy has connected yet" in viewer.get("/router").content.decode()


def test_it_shows_who_is_behind_and_what_was_refused(viewer: Client) -> None:
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


@pytest.mark.django_db(transaction=True)
async def test_it_follows_what_happens(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    page = await open_page("/router", person)
    await page.read_until("No Envoy has connected yet")
    await sync_to_async(a_node)("edge-1")
    await page.read_until("edge-1")
