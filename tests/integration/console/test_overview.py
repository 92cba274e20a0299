"""The first page: what it says of the rows behind it, to whom it offers what, and that it lives."""

from collections.abc import Callable, Iterator

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from swaps.access.roles import Role
from swaps.models import ModelHost, NodeIncarnation, Placement, ServedModel, UnprotectRequest
from tests.given.people import INLINE, a_person
from tests.integration.console.scenes import Fleet, SwapScene
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import (
    a_host,
    a_model,
    a_node,
    a_swap,
    a_worker,
    acked,
    placed,
)

__all__ = ["open_page"]  # a fixture


@pytest.fixture
def fleet(transactional_db: None) -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
def olga(transactional_db: None) -> User:
    return a_person(Role.OPERATOR, "olga")


def overview(client: Client) -> str:
    html: str = client.get("/").content.decode()
    assert INLINE.search(html) is None
    return html


def section(html: str, name: str) -> str:
    return html.split(f'id="overview-{name}"')[1].split("</section>")[0]


@pytest.mark.django_db
def test_a_calm_fleet_says_so(viewer: Client, iris: ServedModel) -> None:
    a_swap(iris, state="Completed")
    ModelHost.objects.update(health="healthy")
    a_worker()
    html = overview(viewer)
    assert "Nothing needs you" in section(html, "concerns")
    assert "No swap is running" in section(html, "running")
    assert "Three steps" not in html


@pytest.mark.django_db
def test_the_first_steps_are_ticked_off(administrator: Client) -> None:
    assert 'class="done"' not in section(overview(administrator), "first-steps")
    a_host()
    a_model()
    steps = section(overview(administrator), "first-steps")
    assert steps.count('class="done"') == 2
    assert "hotswap models activate iris 1.0" in steps


@pytest.mark.django_db
def test_swaps_are_counted_by_state_and_lead_to_their_list(
    viewer: Client, iris: ServedModel
) -> None:
    for state in ("Failed", "Failed", "Completed"):
        a_swap(iris, state=state)
    figures = section(overview(viewer), "figures")
    assert 'href="/swaps?state=Failed"><b>2</b> Failed' in figures
    assert 'href="/swaps?state=Completed"><b>1</b> Completed' in figures
    assert 'href="/swaps?state=Transitioning"><b>0</b> Transitioning' in figures


@pytest.mark.django_db
def test_each_thing_that_needs_a_person_is_named(
    signed_in: Callable[[Role | None], Client], iris: ServedModel
) -> None:
    ModelHost.objects.update(health="healthy")
    a_host("beta", health="unreachable", health_reason="connection refused")
    gone = a_node("edge-2", "away")
    NodeIncarnation.objects.filter(node_id="edge-1").update(nack="cluster hs_1: no such host")
    wine = a_model("wine", weights={"2.0": 100})
    acked(gone, wine, 1)
    ServedModel.objects.filter(pk=wine.pk).update(
        queue_held_reason="1.9 → 2.0 ended Failed", protected=True
    )
    UnprotectRequest.objects.create(model=wine, requested_by="ada", requesters=[1])
    a_swap(wine, state="Completed", from_version="1.9", to_version="2.0", cleanup_pending=True)
    placed(wine, "2.0", ModelHost.objects.get(name="alpha"), "failed", observed_reason="no space")
    Placement.objects.filter(version="2.0").update(desired="loaded")
    a_swap(iris, state="OldVersionDraining", drain_deadline="2020-01-01T00:00:00Z")
    words = {
        "connection refused": ("/hosts/beta", ""),
        "edge-2": ("/router", f"/router/nodes/{gone.nonce}/retire"),
        "no such host": ("/router", ""),
        "ended Failed": ("/models/wine", "/models/wine/release"),
        "ada asks": ("/models/wine", "/models/wine/unprotect"),
        "1.9 is still to be unloaded": ("/swaps/", ""),
        "failed there: no space": ("/hosts/alpha", ""),
        "iris 1.0 → 1.1": ("/swaps/", "/extend-drain"),
    }
    shown = {role: section(overview(signed_in(role)), "concerns") for role in Role}
    for sentence, (link, dialog) in words.items():
        for role, html in shown.items():
            assert sentence in html, sentence
            assert f'href="{link}' in html, sentence
            managing = "unprotect" in dialog or "retire" in dialog
            may = role is Role.ADMINISTRATOR or (role is Role.OPERATOR and not managing)
            assert not dialog or (dialog in html) is may, (role, sentence)
    # The gravest first.
    order = [shown[Role.VIEWER].index(one) for one in ("iris 1.0", "no such host", "ada asks")]
    assert order == sorted(order)


@pytest.mark.django_db(transaction=True)
async def test_it_shows_what_happens_by_itself(open_page: Opener, fleet: Fleet, olga: User) -> None:
    page = await open_page("/overview", olga)
    assert "Three steps" in await page.read_until("overview-first-steps")
    scene = await sync_to_async(SwapScene)(fleet, "canary")
    await sync_to_async(scene.load)()
    await page.read_until("1.1 is not ready on alpha")
    await sync_to_async(scene.ready)()
    await sync_to_async(lambda: scene.shift(25, step_index=3))()
    shown = await page.read_until("step 4 of 7")
    assert "25 %" in shown
    assert "Holding at 25 %" in shown
    assert 'id="page' not in shown
    await sync_to_async(lambda: scene.drain(1, seconds=-5))()
    # The button of whoever may.
    assert "/extend-drain" in await page.read_until("overview-concerns")


@pytest.mark.django_db(transaction=True)
async def test_a_crowd_of_nudges_is_looked_at_once(
    open_page: Opener, fleet: Fleet, olga: User
) -> None:
    """Every swap of the fleet nudges this page: it looks no more often for that."""
    page = await open_page("/overview", olga)
    await page.read_until("overview-events")
    scene = await sync_to_async(SwapScene)(fleet, "canary")

    def much() -> None:
        for number in range(40):
            scene.write(f"step {number}")

    await sync_to_async(much)()
    await page.read_until("step 39")
    told = [message for message in page.received if "step " in message]
    assert len(told) < 40


@pytest.mark.django_db
def test_a_great_fleet_is_read_in_as_many_queries_as_a_small_one(
    viewer: Client, iris: ServedModel
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            overview(viewer)
        return len(seen)

    def a_busy_model(number: int) -> None:
        model = a_model(f"m-{number}", weights={"1.0": 100})
        ServedModel.objects.filter(pk=model.pk).update(queue_held_reason="it failed")
        a_swap(model, state="Transitioning")
        a_swap(model, queued=True, needs_approval=True)
        a_swap(model, state="Completed", cleanup_pending=True)
        placed(model, "1.1", ModelHost.objects.get(), "failed")

    a_busy_model(0)
    overview(viewer)  # what is kept from the first look on
    small = queries()
    for number in range(1, 6):
        a_busy_model(number)
    assert queries() == small
