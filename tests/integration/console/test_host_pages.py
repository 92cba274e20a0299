"""The pages of hosts: filters in the address, what is amiss and what to do about it, and live."""

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from swaps.access.roles import Role
from swaps.console.shared.watch import GONE
from swaps.models import ModelHost, Placement
from tests.given.people import INLINE, a_person
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import a_host, a_model, placed

__all__ = ["open_page"]  # a fixture

pytestmark = pytest.mark.django_db


def test_an_empty_list_teaches_and_gives_the_commands(viewer: Client) -> None:
    page = viewer.get("/hosts").content.decode()
    for words in ("No model host is registered yet", "hotswap hosts add gpu-7", "/api/v1/hosts"):
        assert words in page


def test_a_host_shows_its_health_and_what_is_wanted_against_what_is_seen(viewer: Client) -> None:
    host = a_host("alpha", health="unreachable")
    ModelHost.objects.filter(pk=host.pk).update(
        health_reason="connection refused", control_token="hush-hush"
    )
    placed(a_model("iris"), "1.0", host, "available")
    assert 'href="/hosts/alpha"' in viewer.get("/hosts").content.decode()
    response = viewer.get("/hosts/alpha")
    page = response.content.decode()
    for words in ("unreachable", "connection refused", "set, never shown", "available"):
        assert words in page
    assert "hush-hush" not in page
    assert INLINE.search(page) is None
    assert viewer.get("/hosts/none").status_code == 404
    assert viewer.get("/hosts/%00").status_code == 404
    assert viewer.post("/hosts/alpha").status_code == 405


def test_filters_are_in_the_address_and_kept_in_the_form(viewer: Client) -> None:
    a_host("alpha", health="healthy", url="http://10.0.0.7:8001")
    a_host("beta", health="unreachable", kind="other")

    def shown(query: str) -> list[str]:
        page = viewer.get(f"/hosts?{query}").content.decode()
        return [name for name in ("alpha", "beta") if f'id="row-{name}"' in page]

    assert shown("") == ["alpha", "beta"]
    assert shown("text=10.0.0") == ["alpha"]
    assert shown("text=BET") == ["beta"]
    assert shown("kind=other") == ["beta"]
    assert shown("health=healthy") == ["alpha"]
    assert shown("health=healthy&kind=other") == []
    page = viewer.get("/hosts?health=healthy&kind=other&text=a").content.decode()
    assert "<option selected>healthy</option>" in page
    assert "<option selected>other</option>" in page
    assert 'value="a"' in page
    assert "/api/v1/hosts?kind=other&amp;health=healthy" in page
    assert "Show all hosts" in page


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("health=well", "there is no health"),
        ("helth=healthy", "there is no filter"),
        ("text=%00", "can be seen"),
    ],
)
def test_a_filter_that_cannot_be_meant_shows_nothing(
    viewer: Client, query: str, words: str
) -> None:
    a_host("alpha")
    response = viewer.get(f"/hosts?{query}")
    assert response.status_code == 422
    assert words in response.content.decode()
    assert "row-" not in response.content.decode()


def test_pages_follow_each_other(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swaps.console.host.list.SHOWN", 2)
    for name in ("alpha", "beta", "gamma"):
        a_host(name)
    page = viewer.get("/hosts").content.decode()
    assert 'id="row-gamma"' not in page
    further = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert 'id="row-gamma"' in viewer.get(further).content.decode()
    assert viewer.get("/hosts?cursor=nonsense").status_code == 404


def test_drift_is_named_with_what_to_do(viewer: Client) -> None:
    alpha, iris = a_host("alpha", health="healthy"), a_model("iris")
    placed(iris, "1.3", alpha)
    Placement.objects.update(desired="absent")
    words = "alpha holds iris 1.3, which nobody asked for"
    assert words in viewer.get("/hosts").content.decode()
    page = viewer.get("/hosts/alpha").content.decode()
    assert words in page
    assert "never unloads what it did not load" in page
    Placement.objects.update(desired="loaded", observed="absent")
    assert "Put its files back" in viewer.get("/hosts/alpha").content.decode()


@pytest.mark.django_db(transaction=True)
async def test_the_pages_follow_what_happens(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    beginning = await open_page("/hosts?text=al", person)
    await beginning.read_until("No host matches")
    alpha = await sync_to_async(a_host)("alpha", health="healthy")
    await beginning.read_until('id="row-alpha"')
    host = await open_page("/hosts/alpha", person)
    await host.read_until("It answers")
    await ModelHost.objects.filter(pk=alpha.pk).aupdate(
        health="unreachable", health_reason="the connection was refused"
    )
    await host.read_until("the connection was refused")
    await alpha.adelete()
    assert await host.closed() == GONE


@pytest.mark.django_db(transaction=True)
async def test_an_address_that_is_no_list_is_turned_away(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    for query in ("health=well", "cursor=nonsense"):
        assert await (await open_page(f"/hosts?{query}", person)).closed() == GONE
