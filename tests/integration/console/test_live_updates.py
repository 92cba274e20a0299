"""The websocket of a swap's page: through the whole ASGI application and a real Valkey."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection, connections
from django.test import Client

from hotswap_site.asgi import application
from swaps.access.roles import Role
from swaps.console.shared.watch import (
    GONE,
    LIVE_THREADS,
    NOT_ALLOWED,
    Look,
    in_live_thread,
    join_watch,
    leave_watch,
)
from swaps.domain.states import SwapState
from swaps.models import SwapEvent, SwapOperation
from tests.given.people import a_person
from tests.integration.console.scenes import Fleet, SwapScene

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE_SECONDS = 60.0
EVENT = re.compile(r'<li class="event[^>]*data-generation="(\d+)"')


class OpenPage:
    """The receiving end of a live page."""

    def __init__(self, socket: WebsocketCommunicator) -> None:
        self._socket = socket
        self.received: list[str] = []

    async def read_until(self, words: str) -> str:
        """The message with `words` in it; what came before is in `received`."""
        while True:
            message: str = await self._socket.receive_from(timeout=PATIENCE_SECONDS)
            self.received.append(message)
            if words in message:
                return message

    async def closed(self) -> int:
        """Reads to the end; the close code."""
        while True:
            event = await self._socket.receive_output(timeout=PATIENCE_SECONDS)
            if event["type"] == "websocket.close":
                return int(event["code"])
            self.received.append(event["text"])

    async def leave(self) -> None:
        await self._socket.disconnect(timeout=PATIENCE_SECONDS)

    @property
    def states(self) -> list[str]:
        """The present state of each strip, in order, without repetition."""
        seen: list[str] = []
        for message in self.received:
            for strip in re.findall(r'aria-current="step">(.*?)</li>', message, re.S):
                state = re.search(r'class="state">(\w+)<', strip)
                if state and (not seen or seen[-1] != state[1]):
                    seen.append(state[1])
        return seen


Opener = Callable[..., Awaitable[OpenPage]]


@pytest.fixture
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
def scene(fleet: Fleet) -> SwapScene:
    return SwapScene(fleet, "canary")


@pytest.fixture
def olga() -> User:
    return a_person(Role.OPERATOR, "olga")


@pytest.fixture
async def open_page(db: None) -> AsyncIterator[Opener]:
    opened: list[OpenPage] = []

    async def open_page(
        path: str, person: User | None, *, origin: str = "http://localhost"
    ) -> OpenPage:
        headers = [(b"origin", origin.encode()), (b"host", b"localhost")]
        if person is not None:
            session = await sync_to_async(_session)(person)
            headers.append((b"cookie", f"sessionid={session}".encode()))
        socket = WebsocketCommunicator(application, f"/ws{path}", headers=headers)
        connected, _ = await socket.connect(timeout=PATIENCE_SECONDS)
        assert connected, "the handshake was refused"
        opened.append(OpenPage(socket))
        return opened[-1]

    yield open_page
    for page in opened:
        await page.leave()
    # The rows were read in threads of their own, whose connections would keep the database open.
    await sync_to_async(connections.close_all)()
    await asyncio.gather(*(in_live_thread(_close_connection) for _ in range(LIVE_THREADS)))


def _close_connection() -> None:
    connections.close_all()
    time.sleep(0.1)  # so that each of the threads has one to close


def _session(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


def watches() -> list[str]:
    return [t.get_name() for t in asyncio.all_tasks() if t.get_name().startswith("watch of")]


async def test_the_present_state_comes_first_and_then_every_transition_in_order(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    page = await open_page(scene.path, olga)
    first = await page.read_until("swap-timeline")
    assert "About to begin" in first

    def swap() -> None:
        scene.load()
        scene.ready()
        scene.shift(5)
        scene.shift(25, step_index=3)
        scene.drain(3)
        scene.prove()
        scene.complete()

    await sync_to_async(swap)()
    await page.read_until("1.1 serves all traffic")
    assert page.states == [
        "NotStarted",
        "LoadingNewVersion",
        "Transitioning",
        "OldVersionDraining",
        "Completed",
    ]
    lines = EVENT.findall("".join(page.received[1:]))
    events = await sync_to_async(SwapEvent.objects.filter(swap=scene.row).count)()
    assert lines == [str(n) for n in range(1, events)]  # each once; 0 was in the first message


async def test_in_flight_of_the_old_version_moves(
    open_page: Opener, fleet: Fleet, scene: SwapScene, olga: User
) -> None:
    def drain() -> None:
        scene.load()
        scene.ready()
        scene.shift(5)
        scene.drain(3)

    await sync_to_async(drain)()
    page = await open_page(scene.path, olga)
    await page.read_until("Waiting for 3 requests on 1.0 to finish")
    fleet.in_flight = {"1.0": 1, "1.1": 9}
    message = await page.read_until("Waiting for 1 request on 1.0 to finish")
    assert 'id="swap-flight"' in message
    assert 'id="swap-timeline"' not in message  # what did not change is not sent again


async def test_a_write_that_nobody_told_of_is_found_by_the_next_look(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    page = await open_page(scene.path, olga)
    await page.read_until("swap-timeline")

    def write_silently() -> None:
        SwapOperation.objects.filter(pk=scene.row.pk).update(
            state="LoadingNewVersion", generation=1
        )
        SwapEvent.objects.create(
            swap=scene.row,
            generation=1,
            kind="transition",
            from_state="NotStarted",
            to_state="LoadingNewVersion",
            actor="engine",
            source="engine",
            reason="loading, in silence",
        )

    await sync_to_async(write_silently)()
    assert "LoadingNewVersion" in await page.read_until("loading, in silence")


async def test_buttons_are_those_of_the_reader(open_page: Opener, scene: SwapScene) -> None:
    viewer = await sync_to_async(a_person)(Role.VIEWER)
    operator = await sync_to_async(a_person)(Role.OPERATOR)
    for person, buttons in ((viewer, False), (operator, True)):
        page = await open_page(scene.path, person)
        first = await page.read_until("swap-commands")
        assert ("Cancel swap" in first) is buttons


async def test_all_who_watch_share_one_watch_which_ends_with_the_last(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    pages = [await open_page(scene.path, olga) for _ in range(3)]
    for page in pages:
        await page.read_until("swap-timeline")
    assert watches() == [f"watch of swap {scene.row.pk}"]
    await pages[0].leave()
    await sync_to_async(scene.load)()
    await pages[1].read_until("LoadingNewVersion")
    await pages[1].leave()
    assert len(watches()) == 1
    await pages[2].leave()
    assert watches() == []


async def test_a_page_that_comes_back_gets_all_it_missed(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    page = await open_page(scene.path, olga)
    await page.read_until("swap-timeline")
    await page.leave()
    await sync_to_async(scene.load)()
    again = await open_page(scene.path, olga)
    first = await again.read_until("swap-timeline")
    assert again.states == ["LoadingNewVersion"]
    assert EVENT.findall(first) == ["0", "1"]


async def test_without_a_session_nothing_is_shown(open_page: Opener, scene: SwapScene) -> None:
    page = await open_page(scene.path, None)
    assert await page.closed() == NOT_ALLOWED
    assert page.received == []


async def test_without_a_role_nothing_is_shown(open_page: Opener, scene: SwapScene) -> None:
    page = await open_page(scene.path, await sync_to_async(a_person)(None))
    assert await page.closed() == NOT_ALLOWED
    assert page.received == []


@pytest.mark.parametrize("how", ["role", "logout", "password"])
async def test_who_may_not_look_any_more_is_turned_away_before_the_next_transition(
    open_page: Opener, scene: SwapScene, olga: User, how: str
) -> None:
    page = await open_page(scene.path, olga)
    await page.read_until("swap-timeline")

    def end_it() -> None:
        match how:
            case "role":
                olga.groups.clear()
            case "logout":
                Session.objects.all().delete()
            case "password":
                olga.set_password("another")
                olga.save()
        scene.load()

    await sync_to_async(end_it)()
    assert await page.closed() == NOT_ALLOWED
    assert SwapState.LOADING_NEW_VERSION not in page.states


async def test_a_swap_that_does_not_exist(open_page: Opener, olga: User) -> None:
    page = await open_page("/swaps/00000000-0000-0000-0000-000000000000", olga)
    assert await page.closed() == GONE


async def test_a_page_of_another_site_cannot_listen(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    with pytest.raises(AssertionError, match="handshake was refused"):
        await open_page(scene.path, olga, origin="http://elsewhere.example")


@pytest.mark.parametrize("person", ["nobody", "without a role"])
@pytest.mark.parametrize(
    "path",
    ["/swaps/00000000-0000-0000-0000-000000000000", "/models/no-such-model", "/hosts/no-such-host"],
)
async def test_who_may_not_look_does_not_learn_what_exists(
    open_page: Opener, path: str, person: str
) -> None:
    who = None if person == "nobody" else await sync_to_async(a_person)(None)
    page = await open_page(path, who)
    assert await page.closed() == NOT_ALLOWED


@dataclass(frozen=True)
class Slow:
    """Its query waits for a lock that somebody else has."""

    group: str = "slow"

    def look(self, after: int | None) -> Look | None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(1), pg_advisory_unlock(1)")
        return None


class Waiting:
    session_key = ""

    async def show(self, html: str) -> None: ...

    async def turn_away(self, code: int) -> None: ...


async def test_a_page_whose_query_takes_long_holds_up_no_other(
    open_page: Opener, scene: SwapScene, olga: User
) -> None:
    def say(sql: str) -> None:
        with connection.cursor() as cursor:
            cursor.execute(sql)

    await sync_to_async(say)("SELECT pg_advisory_lock(1)")
    slow, waiting = Slow(), Waiting()
    joining = asyncio.create_task(join_watch(slow, waiting))
    try:
        page = await open_page(scene.path, olga)
        await page.read_until("swap-timeline")
        assert not joining.done()
    finally:
        await sync_to_async(say)("SELECT pg_advisory_unlock(1)")
        await joining
        await leave_watch(slow, waiting)
