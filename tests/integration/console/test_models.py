"""The list of models and a model's page."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from swaps.access.roles import Role
from swaps.live.gauge_history import EVERY_SECONDS, history_key
from swaps.live.valkey import valkey
from swaps.models import Placement, ServedModel
from tests.given.people import INLINE, a_person
from tests.integration.console.scenes import Fleet, SwapScene
from tests.integration.console.test_live_updates import Opener, open_page
from tests.integration.readings.rows import a_cluster, a_model, a_node, a_swap, acked

__all__ = ["open_page"]  # a fixture


@pytest.fixture
def fleet(transactional_db: None) -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


def page_of(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status, path
    html: str = response.content.decode()
    assert INLINE.search(html) is None
    return html


def names(html: str) -> list[str]:
    return [part.split('"')[0] for part in html.split('id="model-')[1:] if "href" in part[:80]]


@pytest.mark.django_db
def test_the_list_is_filtered_by_its_address(viewer: Client, iris: ServedModel) -> None:
    a_model("wine")
    held = a_model("ranking", weights={"3.0": 100})
    ServedModel.objects.filter(pk=held.pk).update(queue_held_reason="x", protected=True)
    a_swap(iris, state="Transitioning")
    for query, shown in {
        "": ["iris", "ranking", "wine"],
        "?order=-name": ["wine", "ranking", "iris"],
        "?text=i": ["iris", "ranking", "wine"],
        "?text=WIN": ["wine"],
        "?state=serving": ["iris", "ranking"],
        "?state=idle": ["wine"],
        "?state=swapping": ["iris"],
        "?state=held": ["ranking"],
        "?state=protected&text=iris": [],
    }.items():
        assert names(page_of(viewer, f"/models{query}")) == shown, query
    assert "No model matches" in page_of(viewer, "/models?text=vision")
    for wrong in ("?state=done", "?order=size", "?name=iris", "?text=%00"):
        html = page_of(viewer, f"/models{wrong}", 422)
        assert names(html) == []
        assert "ws-connect" not in html


@pytest.mark.django_db
def test_the_list_comes_in_pages(viewer: Client) -> None:
    for number in range(60):
        a_model(f"m-{number:02}")
    first = page_of(viewer, "/models?text=m")
    assert len(names(first)) == 50
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    assert names(page_of(viewer, following)) == [f"m-{number}" for number in range(50, 60)]
    assert "text=m" in following
    assert viewer.get("/models?cursor=nonsense").status_code == 404


@pytest.mark.django_db
def test_a_model_shows_where_its_versions_are_and_when_they_served(
    viewer: Client, iris: ServedModel
) -> None:
    Placement.objects.filter(version="1.0").update(
        digest="sha256:abcdef0123456789", size_bytes=2048
    )
    then = timezone.now() - timedelta(days=3)
    a_swap(
        iris,
        state="Completed",
        from_version="0.9",
        to_version="1.0",
        revision=1,
        drained_at=then,
        end_time=then,
    )
    a_cluster(iris, "0.9")
    html = page_of(viewer, "/models/iris")
    hero = html.split('id="model-serving"')[1].split("</section>")[0]
    assert '1.0</span> <b class="percent">100 %' in hero
    assert "alpha 100 %" in hero
    rows = html.split('id="model-versions"')[1].split("</section>")[0].split("<tr>")
    serving = next(row for row in rows if ">1.0<" in row)
    former = next(row for row in rows if ">0.9<" in row)
    for words in ("2.0 kB", "abcdef012345", "now", "ready"):
        assert words in serving
    assert then.strftime("%d %b %H:%M:%S") in former
    assert "available" in next(row for row in rows if ">1.1<" in row)


@pytest.mark.django_db
def test_the_history_of_swaps_goes_on_in_pages(viewer: Client, iris: ServedModel) -> None:
    for number in range(25):
        a_swap(iris, state="Cancelled", reason=f"number {number}")
    newest = page_of(viewer, "/models/iris")
    assert "number 24" in newest
    assert "number 14" not in newest
    older = newest.split('rel="next" href="')[1].split('"')[0]
    assert "number 14" in page_of(viewer, older)
    assert viewer.get("/models/iris?older=nonsense").status_code == 404


@pytest.mark.django_db
def test_rolling_back_is_offered_where_there_is_a_way_back(
    operator: Client, viewer: Client, iris: ServedModel
) -> None:
    def commands(client: Client) -> str:
        return page_of(client, "/models/iris").split('id="model-commands"')[1].split("</header>")[0]

    assert "Nothing serves by a swap that could be taken back" in commands(operator)
    first = a_swap(iris, state="Completed", from_version=None, to_version="1.0")
    assert "the first version: there is none to go back to" in commands(operator)
    first.delete()
    last = a_swap(iris, state="Completed", from_version="0.9", to_version="1.0")
    assert f"/swaps/{last.pk}/rollback" in commands(operator)
    assert "Roll back to 0.9…" in commands(operator)
    assert "button" not in commands(viewer)
    a_swap(iris, state="Transitioning")
    assert "roll that one back, on its page" in commands(operator)


@pytest.mark.django_db
def test_traffic_is_charted_by_version_old_and_new(viewer: Client) -> None:
    model = a_model(weights={"1.1": 100})
    node, now = a_node(), time.time()
    acked(node, model, 1)
    a_swap(model, state="Completed", revision=1)
    for version, rate in {"1.0": 40, "1.1": 10}.items():
        cluster = a_cluster(model, version)
        looks = [
            [now - EVERY_SECONDS * ago, 10_000 - rate * ago, 0, 1, 12.5]
            for ago in range(20, -2, -1)
        ]
        key = history_key(node.nonce, cluster.name)
        with valkey() as client:
            client.rpush(key, *[json.dumps(look) for look in looks])
    charts = page_of(viewer, "/models/iris").split('id="model-traffic"')[1].split("</section>")[0]
    assert "Requests a second during the last ten minutes: 1.0 now 8; 1.1 now 2;" in charts
    assert "1.0 now 12.5" in charts
    for side in ("old", "new"):
        assert f'<path class="{side}" d="M' in charts


@pytest.mark.django_db(transaction=True)
async def test_a_model_shows_its_swap_by_itself(open_page: Opener, fleet: Fleet) -> None:
    olga = await sync_to_async(a_person)(Role.OPERATOR, "olga")
    page = await open_page("/models/iris", olga)
    await page.read_until("model-commands")
    scene = await sync_to_async(SwapScene)(fleet, "all-at-once")
    await sync_to_async(scene.load)()
    await page.read_until("1.1 is not ready on alpha")
    await sync_to_async(scene.ready)()
    await sync_to_async(lambda: scene.shift(100))()
    await sync_to_async(lambda: scene.drain(1))()
    await page.read_until('<span class="version new">1.1</span> <b class="percent">100 %')
    await sync_to_async(scene.prove)()
    await sync_to_async(scene.complete)()
    await page.read_until("Roll back to 1.0…")


@pytest.mark.django_db(transaction=True)
async def test_a_filtered_list_follows_by_itself(open_page: Opener, fleet: Fleet) -> None:
    vera: User = await sync_to_async(a_person)(Role.VIEWER, "vera")
    page = await open_page("/models?state=swapping", vera)
    assert "No model matches" in await page.read_until("model-rows")
    scene = await sync_to_async(SwapScene)(fleet)
    await sync_to_async(scene.load)()
    assert "LoadingNewVersion" in await page.read_until('id="model-iris"')
