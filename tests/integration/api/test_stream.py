"""Following a swap by its event stream: every event once and in order, from any place."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import StreamingHttpResponse
from django.test import AsyncClient
from django.utils import timezone

from swaps.access.roles import Role
from swaps.access.tokens import create_token
from swaps.api import stream as stream_api
from swaps.domain.states import SwapState
from swaps.engine.write import store
from swaps.models import ApiToken, SwapOperation
from swaps.models.swap_operations import EventKind
from tests.integration.api.caller import Caller
from tests.integration.readings.rows import a_model, a_swap

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("closed_connections"),
]

PATIENCE_SECONDS = 60


@dataclass
class Message:
    event: str = ""
    id: str | None = None
    data: Any = None


@dataclass
class Stream:
    """A reader of server-sent events, as strict as the standard."""

    parts: AsyncIterator[Any]
    comments: list[str] = field(default_factory=list)

    async def __anext__(self) -> Message:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                message = Message()
                for line in (await anext(self.parts)).decode().splitlines():
                    name, _, value = line.partition(": ")
                    if name == "" or line.startswith(":"):
                        self.comments.append(line)
                    elif name == "data":
                        message.data = json.loads(value)
                    elif name != "retry":
                        setattr(message, name, value)
                if message.event:
                    return message

    def __aiter__(self) -> "Stream":
        return self

    async def to_the_end(self) -> list[Message]:
        return [message async for message in self]


async def opened(swap: SwapOperation, token: str, query: str = "", **headers: str) -> Stream:
    response = await AsyncClient().get(
        f"/api/v1/swaps/{swap.pk}/stream{query}",
        headers={"Authorization": f"Bearer {token}"} | headers,
    )
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "text/event-stream"
    assert isinstance(response, StreamingHttpResponse)
    return Stream(aiter(response.streaming_content))  # type: ignore[arg-type]


def a_moving_swap(model: str = "iris") -> SwapOperation:
    swap = a_swap(a_model(model, weights={"1.0": 100}))
    happens(swap, EventKind.CREATED, "asked for")
    return swap


def happens(
    swap: SwapOperation, kind: EventKind, reason: str, to_state: SwapState | None = None
) -> None:
    """As the engine writes it; the end of a swap with its time."""
    ended = {"end_time": timezone.now()} if to_state is SwapState.COMPLETED else {}
    with transaction.atomic():
        store.write(swap, kind=kind, reason=reason, to_state=to_state, **ended)


def go_through(swap: SwapOperation) -> None:
    for state in (
        SwapState.LOADING_NEW_VERSION,
        SwapState.TRANSITIONING,
        SwapState.OLD_VERSION_DRAINING,
        SwapState.COMPLETED,
    ):
        happens(swap, EventKind.STEP, f"on the way to {state}")
        happens(swap, EventKind.TRANSITION, f"now {state}", state)


def _swap_and_viewer() -> tuple[SwapOperation, Caller]:
    return a_moving_swap(), Caller(Role.VIEWER)


def ids_of(messages: list[Message]) -> list[int]:
    return [int(one.id) for one in messages if one.id is not None and one.event != "end"]


async def test_every_event_comes_once_in_order_and_the_end_ends_it() -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    stream = await opened(swap, viewer.token)
    first = await anext(stream)
    assert (first.event, first.id, first.data["reason"]) == ("created", "1", "asked for")
    # What is now, before anything moves.
    present = await anext(stream)
    assert (present.event, present.id, present.data["state"]) == ("progress", None, "NotStarted")
    following = asyncio.create_task(stream.to_the_end())
    await sync_to_async(go_through)(swap)
    messages = await following
    assert ids_of(messages) == list(range(2, 10))
    moves = [one.data for one in messages if one.event == "transition"]
    assert [one["to_state"] for one in moves] == [
        "LoadingNewVersion",
        "Transitioning",
        "OldVersionDraining",
        "Completed",
    ]
    assert messages[-1].event == "end"
    assert (messages[-1].id, messages[-1].data["state"]) == ("9", "Completed")
    assert messages[-1].data["id"] == str(swap.pk)


@pytest.mark.parametrize(
    ("query", "headers", "expected"),
    [
        ("", {}, range(1, 10)),
        ("?after=-1", {}, range(1, 10)),
        ("?after=4", {}, range(5, 10)),
        ("", {"Last-Event-ID": "7"}, range(8, 10)),
        # A browser that comes back sends its first address, and where it was.
        ("?after=4", {"Last-Event-ID": "7"}, range(8, 10)),
        ("?after=9", {}, range(0)),
        ("?after=9223372036854775807", {}, range(0)),
    ],
)
async def test_replay_begins_after_the_event_that_is_named(
    query: str, headers: dict[str, str], expected: range
) -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    await sync_to_async(go_through)(swap)
    messages = await (await opened(swap, viewer.token, query, **headers)).to_the_end()
    assert ids_of(messages) == list(expected)
    assert messages[-1].event == "end"


async def test_a_stream_that_breaks_is_taken_up_where_it_was() -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    first = await opened(swap, viewer.token)
    seen = [await anext(first)]
    await sync_to_async(happens)(swap, EventKind.STEP, "one")
    while seen[-1].data.get("reason") != "one":
        seen.append(await anext(first))
    await first.parts.aclose()  # type: ignore[attr-defined]
    await sync_to_async(happens)(swap, EventKind.STEP, "nobody looks")
    again = await opened(swap, viewer.token, **{"Last-Event-ID": str(ids_of(seen)[-1])})
    following = asyncio.create_task(again.to_the_end())
    await sync_to_async(go_through)(swap)
    assert ids_of(seen + await following) == list(range(1, swap.generation + 1))


async def test_a_stream_that_has_nothing_to_say_says_that_it_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream_api, "HEARTBEAT_SECONDS", 0.05)
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    stream = await opened(swap, viewer.token)
    following = asyncio.create_task(stream.to_the_end())
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(stream.comments) < 3:
            await asyncio.sleep(0.01)
    await sync_to_async(go_through)(swap)
    assert (await following)[-1].event == "end"


def _revoke(caller: Caller) -> None:
    ApiToken.objects.filter(user=caller.person).update(revoked_at=timezone.now())


def _demote(caller: Caller) -> None:
    caller.person.groups.clear()


def _deactivate(caller: Caller) -> None:
    caller.person.is_active = False
    caller.person.save()


@pytest.mark.parametrize("loses_it", [_revoke, _demote, _deactivate])
async def test_who_may_no_longer_look_learns_nothing_more(loses_it: Any) -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    other = await sync_to_async(Caller)(Role.VIEWER, "somebody-else")
    theirs, stays = await opened(swap, viewer.token), await opened(swap, other.token)
    assert (await anext(theirs)).event == "created"
    await sync_to_async(loses_it)(viewer)
    following = asyncio.create_task(stays.to_the_end())
    await sync_to_async(happens)(swap, EventKind.STEP, "a secret")
    told = [message.data for message in await theirs.to_the_end()]
    assert "a secret" not in [one.get("reason") for one in told]
    await sync_to_async(go_through)(swap)
    assert ids_of(await following) == list(range(1, swap.generation + 1))


async def test_the_stream_of_a_revoked_token_ends_though_nothing_happens() -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    stream = await opened(swap, viewer.token)
    await anext(stream)
    await sync_to_async(_revoke)(viewer)
    assert all(message.event == "progress" for message in await stream.to_the_end())


def _scoped_to(model: str) -> str:
    caller = Caller(Role.OPERATOR, f"{model}-person")
    caller.person.groups.set([Group.objects.get(name="operator")])
    return create_token(caller.person, name="scoped", role=Role.OPERATOR, models=[model])[1]


@pytest.mark.parametrize("path", ["", "/stream", "/events", "?wait_seconds=1"])
async def test_a_token_for_another_model_finds_no_such_swap(path: str) -> None:
    swap = await sync_to_async(a_moving_swap)()
    for model, status in (("slow", 404), ("iris", 200)):
        token = await sync_to_async(_scoped_to)(model)
        response = await AsyncClient().get(
            f"/api/v1/swaps/{swap.pk}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        assert response.status_code == status, getattr(response, "content", response)


@pytest.mark.parametrize("query", ["?after=x", "?after=-2", "?after=9223372036854775808"])
async def test_a_place_that_cannot_be_is_refused(query: str) -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    response = await AsyncClient().get(
        f"/api/v1/swaps/{swap.pk}/stream{query}",
        headers={"Authorization": f"Bearer {viewer.token}"},
    )
    assert (response.status_code, json.loads(response.content)["code"]) == (422, "invalid-request")


async def _waits(swap: SwapOperation, token: str, seconds: object) -> tuple[int, dict[str, Any]]:
    response = await AsyncClient().get(
        f"/api/v1/swaps/{swap.pk}?wait_seconds={seconds}",
        headers={"Authorization": f"Bearer {token}"},
    )
    return response.status_code, json.loads(response.content)


async def test_a_get_can_wait_for_the_end() -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    assert (await _waits(swap, viewer.token, 0.2))[1]["state"] == "NotStarted"
    waiting = asyncio.create_task(_waits(swap, viewer.token, PATIENCE_SECONDS))
    await asyncio.sleep(0)
    assert not waiting.done()
    await sync_to_async(go_through)(swap)
    status, found = await waiting
    assert (status, found["state"]) == (200, "Completed")
    # And what is over is answered at once.
    assert (await _waits(swap, viewer.token, 600))[1]["state"] == "Completed"


@pytest.mark.parametrize("seconds", ["-1", "601", "nan", "soon"])
async def test_the_wait_is_bounded(seconds: str) -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    assert (await _waits(swap, viewer.token, seconds))[0] == 422


async def test_a_wait_ends_with_its_token() -> None:
    swap, viewer = await sync_to_async(_swap_and_viewer)()
    waiting = asyncio.create_task(_waits(swap, viewer.token, 600))
    await asyncio.sleep(0.1)
    await sync_to_async(_revoke)(viewer)
    assert (await waiting)[0] == 401
