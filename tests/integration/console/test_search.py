"""The search page, and what the box finds while somebody types."""

import pytest
from django.test import Client

from swaps.models import ServedModel
from tests.integration.readings.rows import a_swap

pytestmark = pytest.mark.django_db


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def test_each_hit_leads_to_its_page_and_says_its_kind(viewer: Client, iris: ServedModel) -> None:
    swap = a_swap(iris, reason="for iris & co")
    for path in ("/search?q=iris", "/search/found?q=iris"):
        found = page(viewer, path)
        assert 'href="/models/iris"><span class="kind">model</span>' in found, path
        assert f'href="/swaps/{swap.pk}"><span class="kind">swap</span>' in found, path
        assert 'href="/audit?object_name=iris"' in found, path
        assert "for <mark>iris</mark> &amp; co" in found, path
    assert 'href="/hosts/alpha"' in page(viewer, "/search?q=alpha")
    assert 'href="/router"' in page(viewer, "/search?q=edge")


def test_nothing_found_is_said_and_nothing_asked_teaches(viewer: Client, iris: ServedModel) -> None:
    assert "Nothing here is called" in page(viewer, "/search?q=resnet")
    assert "Find anything by part of its name" in page(viewer, "/search")
    assert page(viewer, "/search/found?q=").strip() == ""


def test_what_was_typed_is_text(viewer: Client, iris: ServedModel) -> None:
    for path in ("/search", "/search/found"):
        found = page(viewer, f"{path}?q=<script>alert(1)</script>")
        assert "<script>alert" not in found
        assert "&lt;script&gt;alert" in found


def test_a_stranger_finds_nothing(iris: ServedModel) -> None:
    assert Client().get("/search/found?q=iris").status_code == 302
