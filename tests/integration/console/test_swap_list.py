"""The list of swaps: filters in its address, pages without end, and live."""

import re
from datetime import timedelta
from urllib.parse import unquote

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from swaps.access.roles import Role
from swaps.console.shared.watch import GONE
from swaps.models import ServedModel, SwapOperation
from swaps.readings.swap import swaps as readings
from tests.given.people import a_person
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import a_model, a_swap

__all__ = ["open_page"]  # a fixture

pytestmark = pytest.mark.django_db


def shown(client: Client, query: str = "") -> list[str]:
    """The ids on this page of the list, from the top."""
    response = client.get(f"/swaps{query}")
    assert response.status_code == 200
    return re.findall(r'id="row-([^"]+)"', response.content.decode())


def an_ended_swap(model: ServedModel, state: str = "Completed", **changes: object) -> str:
    """Each one began after those before it."""
    began = timezone.now() - timedelta(hours=1) + timedelta(seconds=SwapOperation.objects.count())
    ended = began + timedelta(seconds=61)
    return str(a_swap(model, state=state, start_time=began, end_time=ended, **changes).pk)


def test_the_newest_first_with_outcome_and_duration(viewer: Client, iris: ServedModel) -> None:
    first, second = an_ended_swap(iris), an_ended_swap(iris, "RolledBack")
    running = str(a_swap(iris, state="Transitioning").pk)
    assert shown(viewer) == [running, second, first]
    page = viewer.get("/swaps").content.decode()
    assert "1 min 01 s" in page
    assert "RolledBack" in page
    assert "data-elapsed" in page  # of the one that runs


def test_filters_are_in_the_address_and_kept_in_the_form(viewer: Client, iris: ServedModel) -> None:
    flowers = a_model("flowers")
    failed = an_ended_swap(iris, "Failed", error_message="The file is NOT an ONNX model")
    back = an_ended_swap(iris, "RolledBack", requested_by="olga", reason="October data")
    other = an_ended_swap(flowers, to_version="2.0")
    assert shown(viewer, "?state=Failed&state=RolledBack") == [back, failed]
    assert shown(viewer, "?model=flowers") == [other]
    assert shown(viewer, "?requested_by=olga&model=iris") == [back]
    assert shown(viewer, "?text=october") == [back]
    assert shown(viewer, "?text=onnx") == [failed]
    assert shown(viewer, "?text=2.0") == [other]
    page = viewer.get("/swaps?state=Failed&model=iris&requested_by=olga").content.decode()
    assert 'value="Failed" checked' in page
    assert 'value="Completed" checked' not in page
    assert 'name="requested_by" value="olga"' in page


def test_pages_follow_each_other_with_the_same_filters(
    viewer: Client, iris: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swaps.console.swap.list.SHOWN", 3)
    made = [an_ended_swap(iris) for _ in range(7)]
    an_ended_swap(a_model("flowers"))
    seen: list[str] = []
    query = "?model=iris"
    while query:
        seen += shown(viewer, query)
        page = viewer.get(f"/swaps{query}").content.decode()
        further = re.search(r'rel="next" href="/swaps(\?[^"]+)"', page)
        query = unquote(further[1].replace("&amp;", "&")) if further else ""
    assert seen == made[::-1]


def test_text_is_looked_for_in_the_newest_only(
    viewer: Client, iris: ServedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readings, "TEXT_SEARCHED", 2)
    an_ended_swap(iris, reason="October data")
    newer = [an_ended_swap(iris, reason="October data") for _ in range(2)]
    assert shown(viewer, "?text=october") == newer[::-1]


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?state=Done", "there is no state"),
        ("?modle=iris", "there is no filter"),
        ("?text=%00", "can be seen"),
        (f"?text={'x' * 201}", "at most 200 characters"),
    ],
)
def test_a_filter_that_cannot_be_meant_shows_nothing(
    viewer: Client, iris: ServedModel, query: str, words: str
) -> None:
    an_ended_swap(iris)
    response = viewer.get(f"/swaps{query}")
    assert response.status_code == 422
    assert words in response.content.decode()
    assert "row-" not in response.content.decode()


def test_a_cursor_of_another_list_is_not_found(viewer: Client) -> None:
    assert viewer.get("/swaps?cursor=nonsense").status_code == 404


def test_an_empty_list_teaches_and_gives_the_command(viewer: Client, iris: ServedModel) -> None:
    assert "hotswap swap iris 1.1" in viewer.get("/swaps").content.decode()
    page = viewer.get("/swaps?model=iris&state=Failed").content.decode()
    assert "hotswap swaps --model iris --state Failed" in page
    assert "Show all swaps" in page


@pytest.mark.django_db(transaction=True)
async def test_the_list_follows_what_happens(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    iris = await sync_to_async(a_model)("iris", weights={"1.0": 100})
    page = await open_page("/swaps?state=Transitioning", person)
    await page.read_until("No swap matches")
    swap = await sync_to_async(a_swap)(iris, state="Transitioning")
    await page.read_until(f'id="row-{swap.pk}"')


@pytest.mark.django_db(transaction=True)
async def test_an_address_that_is_no_list_is_turned_away(open_page: Opener) -> None:
    person = await sync_to_async(a_person)(Role.VIEWER, "vera")
    for query in ("state=Done", "cursor=nonsense"):
        assert await (await open_page(f"/swaps?{query}", person)).closed() == GONE
