"""The page about the API: all of the document, nothing from elsewhere, for anybody."""

import re

from django.test import Client

from swaps.api.codes import CODES
from tests.given.promises import document
from tests.integration.api.caller import problem_of


def the_page() -> str:
    response = Client().get("/api/v1/docs")
    assert response.status_code == 200
    assert response["Content-Security-Policy"].startswith("default-src 'none'")
    return response.content.decode()


def test_it_tells_of_every_call_schema_and_code() -> None:
    page = the_page()
    for path, calls in document()["paths"].items():
        for call in calls.values():
            assert f'id="{call["operationId"]}"' in page, path
            assert f"<code>{path}</code>" in page
    for code in CODES:
        assert f'id="code-{code}"' in page
    assert "{&quot;model_name&quot;: &quot;iris&quot;" in page, "no call is shown by its example"
    assert "<code>Idempotency-Replayed: true</code>" in page


def test_every_link_leads_somewhere() -> None:
    page = the_page()
    there = set(re.findall(r'id="([^"]+)"', page))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= there


def test_it_needs_nothing_that_the_content_security_policy_refuses() -> None:
    page = the_page()
    assert "<script" not in page
    assert " style=" not in page
    assert not re.search(r'(?:src|<link[^>]*href)="(?!/static/)', page)


def test_it_is_read_and_nothing_else() -> None:
    client = Client(enforce_csrf_checks=True)
    for path in ("docs", "openapi.json", "swaps"):
        response = client.put(f"/api/v1/{path}")
        problem_of(response, 405, "method-not-allowed")
    for path in ("nothing", "swaps/%0A/cancel", ""):
        problem_of(client.post(f"/api/v1/{path}"), 404, "not-found")
