"""The router's page: who is behind, what was refused, who is missed, and live."""

import html
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from swaps.access.roles import Role
from swaps.models import AuditEntry, NodeCertificate, NodeIncarnation
from tests.given.people import INLINE, a_person
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_swap, acked, shows

__all__ = ["open_page"]  # a fixture

pytestmark = pytest.mark.django_db


def router(client: Client) -> str:
    return html.unescape(client.get("/router").content.decode())


def test_without_any_node_it_says_what_that_means_and_what_to_do(viewer: Client) -> None:
    page = router(viewer)
    for words in ("No Envoy has connected yet", "swaps wait", "manage.py enrolnode edge-1"):
        assert words in page


def test_it_shows_who_is_behind_and_what_was_refused(viewer: Client) -> None:
    model = a_model("iris", weights={"1.0": 100})
    node = a_node("edge-1")
    acked(node, model, 0)
    node.nack = "the cluster is not known"
    node.save()
    page = router(viewer)
    for words in (
        "edge-1",
        "behind: iris at revision 0, wanted 1",
        "refused the cluster is not known",
        "not applied everywhere",
    ):
        assert words in page
    assert INLINE.search(page) is None
    acked(node, model, 1)
    page = router(viewer)
    assert "behind" not in page
    assert "applied on every node" in page


def test_it_shows_requests_a_second_and_whether_metrics_come(viewer: Client) -> None:
    cluster, node = a_cluster(a_model("iris", weights={"1.0": 100}), "1.0"), a_node("edge-1")
    page = router(viewer)
    assert "fresh" not in page, "nothing was heard of it yet"
    shows(node, requests_per_second=412.5, **{cluster.name: {"active": 3, "total": 1}})
    page = router(viewer)
    assert "fresh" in page
    assert "412.5 requests/s" in page
    a_node("edge-2")
    assert "412.5 requests/s" not in router(viewer), "a sum without one of them is no sum"


def test_a_certificate_that_ends_soon_is_warned_of(viewer: Client) -> None:
    soon = timezone.now() + timedelta(days=3)
    NodeCertificate.objects.create(node_id="edge-1", serial="a1", expires_at=soon)
    page = router(viewer)
    assert f"{soon:%Y-%m-%d}" in page
    assert "`manage.py enrolnode edge-1` renews it" in page


def test_a_node_that_is_missed_is_named_with_the_drains_that_wait_for_it(
    administrator: Client, operator: Client
) -> None:
    a_node("edge-2", "away")
    assert "every drain will wait for it" in router(operator)
    swap = a_swap(a_model("iris", weights={"1.1": 100}), state="OldVersionDraining")
    page = router(operator)
    assert f'<a href="/swaps/{swap.pk}">the drain of iris</a>' in page
    assert "waits for it" in page
    assert "Retire edge-2" not in page
    assert "Retire edge-2" in router(administrator)


def test_a_node_is_retired_by_typing_its_name(administrator: Client) -> None:
    node = a_node("edge-2", "away")
    address = f"/router/nodes/{node.nonce}/retire"
    dialog = administrator.get(address, headers={"HX-Request": "true"}).content.decode()
    assert "You vouch that this process has ended" in dialog
    given = {"effect": effect_in(dialog), "reason": "the machine burnt", "typed": "edge-1"}
    wrong = administrator.post(address, given)
    assert wrong.status_code == 422
    assert "Type edge-2 to confirm." in wrong.content.decode()
    assert NodeIncarnation.objects.get().state == "away"
    done = administrator.post(address, given | {"typed": "edge-2"}, follow=True)
    assert "edge-2 is retired" in done.content.decode()
    assert NodeIncarnation.objects.get().state == "retired"
    entry = AuditEntry.objects.get(action="retire-node")
    assert (entry.source, entry.outcome, entry.reason) == ("console", "done", "the machine burnt")
    again = administrator.post(address, given | {"typed": "edge-2"})
    assert again.status_code == 409
    assert "had ended before" in again.content.decode()


def test_a_connected_node_is_not_retired(administrator: Client) -> None:
    node = a_node("edge-1")
    response = administrator.get(f"/router/nodes/{node.nonce}/retire")
    assert response.status_code == 409
    assert "end its process first" in response.content.decode()
    assert administrator.get("/router/nodes/none/retire").status_code == 404
    assert administrator.get("/router/nodes/%00/retire").status_code == 404


def test_an_operator_is_refused_and_the_audit_has_it(operator: Client) -> None:
    node = a_node("edge-2", "away")
    address = f"/router/nodes/{node.nonce}/retire"
    assert operator.get(address).status_code == 403
    assert operator.post(address, {"typed": "edge-2"}).status_code == 403
    assert AuditEntry.objects.get(action="retire-node").outcome == "refused"
    assert NodeIncarnation.objects.get().state == "away"


def effect_in(page: str) -> str:
    return page.partition('name="effect" value="')[2].partition('"')[0]


@pytest.mark.django_db(transaction=True)
async def test_it_follows_what_happens(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    page = await open_page("/router", person)
    await page.read_until("No Envoy has connected yet")
    await sync_to_async(a_node)("edge-1")
    await page.read_until("edge-1")
