"""Registering a model, activating its first version, and what else is asked of a model."""

from collections.abc import Callable

import pytest
from django.http import HttpResponse
from django.test import Client

from swaps.access.roles import Role
from swaps.models import AuditEntry, ModelHost, Route, ServedModel, SwapOperation, UnprotectRequest
from tests.given.people import INLINE, a_person
from tests.integration.readings.rows import a_model, a_swap

pytestmark = pytest.mark.django_db


def words(response: HttpResponse) -> str:
    html = response.content.decode()
    assert INLINE.search(html) is None
    return html


def ask(client: Client, path: str, **given: str) -> HttpResponse:
    """Read what it does, and confirm it."""
    html = words(client.get(path))
    effect = html.split('name="effect" value="')[1].split('"')[0]
    return client.post(path, {"effect": effect, **given})  # type: ignore[return-value]


def test_a_model_is_registered_and_its_first_version_comes_next(
    administrator: Client, real_iris: ServedModel
) -> None:
    found = words(administrator.get("/models/new/found?name=slow"))
    for version in ("1.0", "1.1"):
        assert f'<b class="mono">{version}</b>' in found
    given = {
        "name": "slow",
        "sample_request": '{"inputs": []}',
        "default_strategy": "custom",
        "steps": '[{"setWeight": 10}, {"pause": {}}]',
        "drain_timeout_seconds": "45",
        "on_drain_timeout": "rollback",
        "protected": "on",
    }
    response = administrator.post("/models/new", given)
    assert response["Location"] == "/models/slow/activate"
    slow = ServedModel.objects.get(name="slow")
    assert slow.sample_request == {"inputs": []}
    assert slow.default_strategy["steps"][0] == {"setWeight": 10}
    assert (slow.drain_timeout_seconds, slow.load_timeout_seconds) == (45, 600)
    assert (slow.on_drain_timeout, slow.protected) == ("rollback", True)
    entry = AuditEntry.objects.get(action="manage-models", outcome="done")
    assert (entry.object_name, entry.source) == ("slow", "console")

    page = words(administrator.get("/models/slow/activate"))
    assert "it waits until a second person approves it" in page
    none = administrator.post("/models/slow/activate", {"version": "9.9", "hosts": ["alpha"]})
    assert none.status_code == 409
    assert "slow 9.9 is not on alpha" in words(none)
    done = administrator.post(
        "/models/slow/activate", {"version": "1.0", "hosts": ["alpha"], "reason": "the first"}
    )
    swap = SwapOperation.objects.get(model=slow)
    assert done["Location"] == f"/swaps/{swap.pk}"
    assert (swap.from_version, swap.to_version, swap.reason) == (None, "1.0", "the first")


def test_nothing_typed_is_lost_when_it_is_refused(administrator: Client, iris: ServedModel) -> None:
    given = {
        "name": "iris",
        "sample_request": "{not json",
        "default_strategy": "linear",
        "drain_timeout_seconds": "soon",
    }
    refused = administrator.post("/models/new", given)
    assert refused.status_code == 422
    html = words(refused)
    assert "This is not JSON" in html.split('id="sample_request-errors"')[1][:200]
    assert "Enter a whole number" in html.split('id="drain_timeout_seconds-errors"')[1][:200]
    for typed in ("{not json", 'value="soon"', 'value="linear" checked', 'value="iris"'):
        assert typed in html, typed
    for name, why in {
        "iris": "already exists",
        "Iris": "cannot be a model name",
        "new": "the console has a page of its own",
    }.items():
        refused = administrator.post("/models/new", {"name": name})
        assert refused.status_code == 422, name
        assert why in words(refused).split('id="name-errors"')[1][:200], name
    no_steps = administrator.post(
        "/models/new", {"name": "wine", "default_strategy": "custom", "steps": "[]"}
    )
    assert "steps" in words(no_steps).split('id="steps-errors"')[1][:200]
    assert ServedModel.objects.count() == 1


def test_a_model_is_changed_unless_somebody_else_did(
    administrator: Client, iris: ServedModel
) -> None:
    html = words(administrator.get("/models/iris/edit"))
    seen = html.split('name="if_match" value="')[1].split('"')[0]
    form = {"if_match": seen, "default_strategy": "canary", "drain_timeout_seconds": "50"}
    assert administrator.post("/models/iris/edit", form)["Location"] == "/models/iris"
    iris.refresh_from_db()
    assert (iris.drain_timeout_seconds, iris.sample_request) == (50, None)
    late = administrator.post("/models/iris/edit", form | {"drain_timeout_seconds": "60"})
    assert late.status_code == 409
    assert 'value="60"' in words(late)
    iris.refresh_from_db()
    assert iris.drain_timeout_seconds == 50


def test_hosts_that_do_not_say_are_named(administrator: Client) -> None:
    ModelHost.objects.create(name="alpha", kind="bundled", url="http://127.0.0.1:1")
    a_model("wine")
    for path in ("/models/new/found?name=wine", "/models/wine/activate"):
        assert "alpha did not say" in words(administrator.get(path)), path


def test_what_serves_is_not_activated_again(operator: Client, iris: ServedModel) -> None:
    refused = operator.get("/models/iris/activate")
    assert refused.status_code == 409
    assert "1.0 serves iris already" in words(refused)
    assert operator.get("/models/none/activate").status_code == 404


def test_a_held_queue_is_released(operator: Client, iris: ServedModel) -> None:
    path = "/models/iris/release"
    assert "is not held" in words(operator.get(path))
    iris.queue_held_reason = "1.0 → 1.1 ended Failed"
    iris.save()
    waiting = a_swap(iris, queued=True)
    assert "1.0 → 1.1, asked for by operator, gets its turn" in words(operator.get(path))
    stale = operator.post(path, {"effect": "0" * 16})
    assert stale.status_code == 409
    assert "Nothing was done" in words(stale)
    assert ask(operator, path, reason="looked at")["Location"] == "/models/iris"
    waiting.refresh_from_db()
    assert not waiting.queued
    assert AuditEntry.objects.get(action="release-queue", outcome="done").reason == "looked at"


def test_a_dialog_is_answered_with_the_page_behind_it(operator: Client, iris: ServedModel) -> None:
    iris.queue_held_reason = "1.0 → 1.1 ended Failed"
    iris.save()
    path = "/models/iris/release"
    htmx = {"HX-Request": "true", "HX-Current-URL": "http://testserver/"}
    dialog = words(operator.get(path, headers=htmx))
    assert "<html" not in dialog
    effect = dialog.split('name="effect" value="')[1].split('"')[0]
    done = operator.post(path, {"effect": effect}, headers=htmx)
    assert done["HX-Trigger"] == "command-done"
    assert 'id="overview-concerns"' in words(done)
    assert "is held" not in words(done)


def test_protection_is_given_up_by_two(
    signed_in: Callable[[Role | None], Client], iris: ServedModel
) -> None:
    ada, bob = signed_in(Role.ADMINISTRATOR), Client()
    bob.force_login(a_person(Role.ADMINISTRATOR, "bob"))
    assert ask(ada, "/models/iris/protect").status_code == 302
    assert "is protected already" in words(ada.get("/models/iris/protect"))
    ask(ada, "/models/iris/unprotect", reason="a new line")
    assert UnprotectRequest.objects.get().reason == "a new line"
    assert "You asked for it yourself" in words(ada.get("/models/iris/unprotect"))
    assert "administrator asked for it, and you agree" in words(bob.get("/models/iris/unprotect"))
    ask(bob, "/models/iris/unprotect")
    assert not ServedModel.objects.get().protected


def test_a_model_is_deleted_when_nobody_uses_it(administrator: Client, iris: ServedModel) -> None:
    path = "/models/iris/delete"
    refused = administrator.get(path)
    assert refused.status_code == 409
    assert "1.0 serves 100 %" in words(refused)
    assert 'type="submit"' not in words(refused).split('id="dialog-title"')[1]
    Route.objects.update(weights={}, pinned=[])
    iris.placements.update(desired="absent")
    wrong = ask(administrator, path, typed="wine")
    assert wrong.status_code == 422
    assert "Type iris to confirm" in words(wrong)
    assert ask(administrator, path, typed="iris")["Location"] == "/models"
    assert not ServedModel.objects.exists()
    assert administrator.get(path).status_code == 404
    assert "iris is deleted" in words(administrator.get("/models"))
    assert administrator.get("/models/wine/dance").status_code == 404


@pytest.mark.parametrize("path", ["/models/new", "/models/iris/edit"])
def test_who_may_not_manage_models_is_told_so(
    operator: Client, iris: ServedModel, path: str
) -> None:
    shown = operator.get(path)
    assert shown.status_code == 403
    assert "needs an administrator" in words(shown)
    posted = operator.post(path, {"name": "Not A Name", "sample_request": "{"})
    assert posted.status_code == 403
    assert "needs the role administrator" in words(posted)
    entry = AuditEntry.objects.get(outcome="refused")
    assert (entry.action, entry.actor) == ("manage-models", "operator")
    assert operator.get("/models/new/found?name=iris").status_code == 403
