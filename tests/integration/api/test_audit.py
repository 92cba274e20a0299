"""The audit log over REST: found by every column, in pages that stay, and as a file."""

import csv
import io
import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.http import HttpResponse, StreamingHttpResponse
from django.test import AsyncClient
from pytest_django import Settings

from swaps.access.roles import Actor, Role
from swaps.audit.filters import FIELDS
from swaps.audit.record import record
from swaps.audit.seal import seal_batch
from swaps.models import ApiToken, AuditEntry
from swaps.readings.audit import stream as audit_stream
from swaps.readings.audit.stream import COLUMNS, NoLongerAllowed
from tests.integration.api.caller import Caller, problem_of
from tests.integration.readings.rows import a_model, a_swap

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("audit_head")]

OLGA = Actor("olga", Role.OPERATOR, "API", "192.0.2.7", request_id="r-1", token="hs_abcdefgh")
VERA = Actor("vera", Role.VIEWER, "console", "2001:db8::1")
STRANGER = Actor("unknown", None, "command line", "198.51.100.1", request_id="r-2")
SWAP = uuid.UUID("6e0f1c2a-0b7d-4c55-9d53-3f5a2c1e7b90")  # the same in each worker


def write(actor: Actor = OLGA, name: str = "iris", **changes: Any) -> None:
    told = {"action": "swap", "object_kind": "model", "object_name": name} | changes
    record(actor=actor, **told)


def three_entries() -> None:
    write(swap=SWAP, reason="October data", before={"serving": "1.0"}, after={"serving": "1.1"})
    write(VERA, "fraud", action="rollback", outcome="refused", reason="vera may not rollback")
    write(STRANGER, "/api/v1/models", action="authenticate", object_kind="request")


def items(response: HttpResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content
    found: list[dict[str, Any]] = json.loads(response.content)["items"]
    return found


ONE_OF_EACH = [
    ("actor", "olga", ["iris"]),
    ("role", "viewer", ["fraud"]),
    ("role", "none", ["/api/v1/models"]),
    ("source", "command line", ["/api/v1/models"]),
    ("token", "hs_abcdefgh", ["iris"]),
    ("address", "192.0.2.7", ["iris"]),
    ("address", "2001:db8::/32", ["fraud"]),
    ("address", "192.0.2.8", []),
    ("request_id", "r-2", ["/api/v1/models"]),
    ("action", "rollback", ["fraud"]),
    ("object_kind", "request", ["/api/v1/models"]),
    ("object_name", "fraud", ["fraud"]),
    ("swap", str(SWAP), ["iris"]),
    ("outcome", "refused", ["fraud"]),
    ("reason", "october", ["iris"]),
    ("reason", "100 %_", []),
    ("since", "1h", ["/api/v1/models", "fraud", "iris"]),
    ("until", "1h", []),
]


@pytest.mark.parametrize(("field", "value", "names"), ONE_OF_EACH)
def test_entries_are_found_by_each_column(
    viewer: Caller, field: str, value: str, names: list[str]
) -> None:
    three_entries()
    found = items(viewer("GET", f"audit?{field}={value.replace(' ', '%20')}"))
    assert [entry["object_name"] for entry in found] == names


def test_no_column_is_forgotten() -> None:
    assert {field for field, *_ in ONE_OF_EACH} == set(FIELDS)


def test_filters_hold_together(viewer: Caller) -> None:
    three_entries()
    assert items(viewer.get("audit?actor=vera&outcome=done")) == []
    assert len(items(viewer.get("audit?actor=vera&outcome=refused&object_kind=model"))) == 1


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("acter=olga", "acter"),
        ("role=king", "role"),
        ("since=yesterday", "since"),
        ("address=nowhere", "address"),
        ("swap=17", "swap"),
        ("outcome=", "outcome"),
        ("limit=1000", "limit"),
    ],
)
def test_a_wrong_filter_is_named_and_shows_nothing(viewer: Caller, query: str, field: str) -> None:
    problem = problem_of(viewer.get(f"audit?{query}"), 422, "invalid-request")
    assert field in problem["detail"]
    assert len(problem["errors"]) == 1


def test_pages_neither_repeat_nor_skip_while_entries_come(viewer: Caller) -> None:
    for number in range(7):
        write(name=f"m{number}")
    path, seen = "audit?actor=olga&limit=3", []
    while path:
        page = json.loads(viewer.get(path).content)
        seen += [entry["object_name"] for entry in page["items"]]
        write(name="meanwhile")
        path = (page["next"] or "").removeprefix("/api/v1/")
    assert seen == [f"m{number}" for number in (6, 5, 4, 3, 2, 1, 0)]


def test_an_entry_is_shown_with_what_proves_it(viewer: Caller) -> None:
    write(before={"serving": "1.0"}, after={"serving": "1.1"})
    pk = AuditEntry.objects.get().pk
    entry = json.loads(viewer.get(f"audit/{pk}").content)
    assert (entry["before"], entry["after"]) == ({"serving": "1.0"}, {"serving": "1.1"})
    assert entry["token"] == "hs_abcdefgh"
    assert entry["proof"] == {"state": "waiting", "seal": None, "sealed_at": None, "reason": None}
    seal_batch()
    proof = json.loads(viewer.get(f"audit/{pk}").content)["proof"]
    assert (proof["state"], proof["seal"], proof["reason"]) == ("sealed", 1, None)
    assert proof["sealed_at"].endswith("Z")
    for nobody in (pk + 1, 2**63, 10**30):
        problem_of(viewer.get(f"audit/{nobody}"), 404, "audit-entry-not-found")


def test_a_token_for_some_models_sees_their_entries_alone() -> None:
    iris, fraud = a_model("iris"), a_model("fraud")
    write(name="iris")
    write(name="fraud")
    write(name=str(SWAP), object_kind="swap", swap=a_swap(iris).pk, action="rollback")
    write(name="other", object_kind="swap", swap=a_swap(fraud).pk, action="rollback")
    write(name="alpha", object_kind="host", action="manage-hosts")
    narrow = Caller(Role.VIEWER, models=["iris"])
    found = items(narrow.get("audit"))
    assert [entry["object_name"] for entry in found] == [str(SWAP), "iris"]
    assert items(narrow.get("audit?object_name=fraud")) == []
    hidden = AuditEntry.objects.get(object_name="fraud").pk
    problem_of(narrow.get(f"audit/{hidden}"), 404, "audit-entry-not-found")


# -- export --


async def asked_for(caller: Caller, query: str = "") -> HttpResponse:
    return await AsyncClient().get(
        f"/api/v1/audit/export{query}", headers={"Authorization": f"Bearer {caller.token}"}
    )


async def exported(caller: Caller, query: str = "") -> StreamingHttpResponse:
    response = await asked_for(caller, query)
    assert isinstance(response, StreamingHttpResponse), response.content
    return response


async def text_of(response: StreamingHttpResponse) -> str:
    return b"".join([part async for part in response]).decode()


@pytest.fixture
async def many(
    transactional_db: None, closed_connections: None, monkeypatch: pytest.MonkeyPatch
) -> Caller:
    """Seven entries, read in chunks of three."""
    monkeypatch.setattr(audit_stream, "CHUNK", 3)

    def rows() -> Caller:
        three_entries()
        for number in range(4):
            write(name=f"m{number}", reason=f"=1+{number}")
        return Caller(Role.VIEWER)

    return await sync_to_async(rows)()


async def test_an_export_as_json_lines_holds_what_rest_shows(many: Caller) -> None:
    response = await exported(many, "?format=jsonl")
    assert response["Content-Type"] == "application/x-ndjson"
    assert response["Content-Disposition"].endswith('.jsonl"')
    entries = [json.loads(line) for line in (await text_of(response)).splitlines()]
    shown = await sync_to_async(lambda: items(many.get("audit?limit=50")))()
    # Oldest first; the export's own entry is the last.
    assert [entry["action"] for entry in entries][-1] == "export-audit"
    assert entries == shown[::-1]


async def test_an_export_as_csv_has_no_formula(many: Caller) -> None:
    response = await exported(many, "?format=csv&actor=olga")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(await text_of(response), newline="")))
    assert [row["object_name"] for row in rows] == ["iris", "m0", "m1", "m2", "m3"]
    assert [row["reason"] for row in rows][1:] == [f"'=1+{number}" for number in range(4)]
    assert json.loads(rows[0]["after"]) == {"serving": "1.1"}
    assert tuple(rows[0]) == COLUMNS


async def test_an_export_is_in_the_log_with_its_filters(many: Caller) -> None:
    await text_of(await exported(many, "?format=csv&actor=olga&outcome=done"))
    entry = await AuditEntry.objects.aget(action="export-audit")
    assert (entry.actor, entry.outcome) == ("viewer-person", "done")
    assert entry.after == {"format": "csv", "filters": {"actor": "olga", "outcome": "done"}}


async def test_nothing_matches_is_an_empty_file_with_its_header(many: Caller) -> None:
    text = await text_of(await exported(many, "?format=csv&actor=nobody"))
    assert text == ",".join(COLUMNS) + "\r\n"
    assert await text_of(await exported(many, "?format=jsonl&actor=nobody")) == ""


async def test_an_export_ends_with_its_token_and_does_not_look_complete(many: Caller) -> None:
    parts = aiter(await exported(many))
    assert len((await anext(parts)).splitlines()) == 3
    await ApiToken.objects.aupdate(revoked_at=datetime.now(UTC) - timedelta(seconds=1))
    with pytest.raises(NoLongerAllowed):
        await anext(parts)


@pytest.mark.parametrize("field", ["acter", "role", "since", "format", "cursor"])
async def test_a_wrong_filter_exports_nothing(many: Caller, field: str) -> None:
    problem = problem_of(await asked_for(many, f"?{field}=x"), 422, "invalid-request")
    assert [error["field"] for error in problem["errors"]] == [field]
    assert not await AuditEntry.objects.filter(action="export-audit").aexists()


async def test_exports_are_held_up_and_that_is_recorded(many: Caller, settings: Settings) -> None:
    settings.EXPORTS_PER_MINUTE = 0
    response = await asked_for(many)
    problem = problem_of(response, 429, "too-many-requests")
    assert "export the audit log" in problem["detail"]
    assert int(response["Retry-After"]) >= 1
    row = await AuditEntry.objects.aget(action="export-audit")
    assert row.outcome == "refused"
