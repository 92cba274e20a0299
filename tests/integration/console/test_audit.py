"""The audit log's pages: filters in the address, one entry, new ones, and files."""

import json
import re
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.db import connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient, Client
from pytest_django import Settings

from swaps.access.roles import Actor, Role
from swaps.audit.record import record
from swaps.audit.seal import seal_batch
from swaps.console.audit.changes import changes
from swaps.console.shared.watch import GONE
from swaps.models import AuditEntry
from swaps.readings.audit import stream as audit_stream
from swaps.readings.shared import looks
from tests.given.people import INLINE, a_person
from tests.integration.console.test_live_updates import Opener, open_page

__all__ = ["open_page"]  # a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("audit_head")]

OLGA = Actor("olga", Role.OPERATOR, "API", "192.0.2.7", request_id="r-1", token="hs_abcdefgh")


def write(name: str = "iris", **changes: Any) -> int:
    told = {"action": "swap", "object_kind": "model", "object_name": name} | changes
    record(actor=OLGA, **told)
    return AuditEntry.objects.latest("pk").pk


def names(html: str) -> list[str]:
    return re.findall(r'<td class="object">\s*(?:<a [^>]*>\s*)?([^<]*?)\s*<', html)


def test_filters_are_in_the_address_and_nothing_typed_is_lost(viewer: Client) -> None:
    write("iris", reason="October data")
    write("fraud", outcome="refused")
    assert names(viewer.get("/audit").content.decode()) == ["fraud", "iris"]
    page = viewer.get("/audit?actor=olga&reason=october&outcome=&address=192.0.2.0/24")
    html = page.content.decode()
    assert names(html) == ["iris"]
    assert 'value="october"' in html
    assert 'value="192.0.2.0/24"' in html
    assert "<details open>" in html
    assert "export?actor=olga&amp;reason=october&amp;address=192.0.2.0%2F24&amp;format=csv" in html
    assert INLINE.search(html) is None


def test_what_cannot_be_meant_is_said_beside_its_field(viewer: Client) -> None:
    write()
    page = viewer.get("/audit?since=yesterday&role=king&acter=olga")
    assert page.status_code == 422
    html = page.content.decode()
    assert "is no time: write 2026-11-24T05:00:00Z" in html
    assert 'value="yesterday"' in html
    assert "<option selected>king</option>" in html
    assert "<b>acter</b>: there is no such filter" in html
    assert names(html) == []


def test_an_empty_page_teaches_the_command_that_asks_the_same(viewer: Client) -> None:
    html = viewer.get("/audit?object_name=iris&reason=it's").content.decode()
    assert "No entry matches" in html
    assert (
        "hotswap audit --object iris --reason &#x27;it&#x27;&quot;&#x27;&quot;&#x27;s&#x27;" in html
    )


def test_older_entries_are_a_page_away(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swaps.console.audit.page.SHOWN", 2)
    for number in range(3):
        write(f"m{number}")
    html = viewer.get("/audit?actor=olga").content.decode()
    older = re.search(r'rel="next" href="([^"]*)"', html)
    assert older is not None
    write("meanwhile")
    html = viewer.get(older[1].replace("&amp;", "&")).content.decode()
    assert names(html) == ["m0"]
    assert viewer.get("/audit?cursor=x").status_code == 404


@pytest.mark.django_db(transaction=True)
async def test_new_entries_that_match_appear_by_themselves(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    page = await open_page("/audit?actor=olga&object_name=iris", person)
    await page.read_until("No entry matches")
    await sync_to_async(write)("fraud")
    shown = await sync_to_async(write)("iris")
    html = await page.read_until(f'id="row-{shown}"')
    assert names(html) == ["iris"]


@pytest.mark.django_db(transaction=True)
async def test_an_address_that_is_no_filter_is_turned_away(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    for query in ("since=yesterday", "acter=olga", "cursor=x"):
        assert await (await open_page(f"/audit?{query}", person)).closed() == GONE


def test_one_entry_shows_what_changed_and_what_proves_it(viewer: Client) -> None:
    pk = write(
        reason="it was time",
        before={"drain_timeout_seconds": 30, "url": "http://a", "kind": "bundled"},
        after={"drain_timeout_seconds": 45, "kind": "bundled", "sticky": {"header": "x"}},
    )
    html = viewer.get(f"/audit/{pk}").content.decode()
    assert "<del>30</del>" in html
    assert "<ins>45</ins>" in html
    assert "it was time" in html
    assert "192.0.2.7" in html
    assert "?request_id=r-1" in html
    assert "waiting" in html
    seal_batch()
    assert "and so does its seal: number" in viewer.get(f"/audit/{pk}").content.decode()
    assert viewer.get(f"/audit/{pk + 1}").status_code == 404
    assert viewer.get(f"/audit/{10**30}").status_code == 404


def test_what_differs_comes_first() -> None:
    found = changes({"a": 1, "b": 2, "gone": None}, {"a": 1, "b": 3, "new": ["x"]})
    assert [(one.name, one.kind) for one in found] == [
        ("b", "changed"),
        ("gone", "removed"),
        ("new", "added"),
        ("a", "same"),
    ]
    assert [found[1].before, found[2].after] == ["null", '["x"]']
    assert changes(None, None) == []


# -- export --


@pytest.fixture
async def vera(transactional_db: None) -> Any:
    """A viewer's browser; three entries."""

    def rows() -> AsyncClient:
        for number in range(3):
            write(f"m{number}", reason="=1+1")
        client = AsyncClient()
        client.force_login(a_person(Role.VIEWER, "vera"))
        return client

    yield await sync_to_async(rows)()
    await sync_to_async(connections.close_all)()
    for thread in (looks.thread, audit_stream.thread):
        thread.submit(connections.close_all).result()


async def test_what_is_filtered_is_exported_and_recorded(vera: AsyncClient) -> None:
    response = await vera.get("/audit/export?format=csv&object_name=m1")
    assert isinstance(response, StreamingHttpResponse)
    assert response["Content-Type"].startswith("text/csv")
    text = b"".join([part async for part in response]).decode()
    assert len(text.splitlines()) == 2
    assert "'=1+1" in text
    entry = await AuditEntry.objects.aget(action="export-audit")
    assert (entry.actor, entry.source) == ("vera", "console")
    assert entry.after == {"format": "csv", "filters": {"object_name": "m1"}}
    response = await vera.get("/audit/export?format=jsonl&actor=olga")
    assert isinstance(response, StreamingHttpResponse)
    text = b"".join([part async for part in response]).decode()
    assert [json.loads(line)["object_name"] for line in text.splitlines()] == ["m0", "m1", "m2"]


async def test_who_may_not_look_takes_nothing_away(vera: AsyncClient, settings: Settings) -> None:
    stranger = await AsyncClient().get("/audit/export")
    assert stranger.status_code == 302
    assert stranger["Location"].startswith("/login?next=")
    wrong = await vera.get("/audit/export?format=csv&since=yesterday")
    assert wrong["Location"] == "/audit?since=yesterday"
    settings.EXPORTS_PER_MINUTE = 0
    held_up = await vera.get("/audit/export")
    assert held_up.status_code == 429
    assert "Try again in" in held_up.content.decode()
