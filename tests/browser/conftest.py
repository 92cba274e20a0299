"""The console in a real Chromium, served by a real Daphne in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import Client
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Request,
    sync_playwright,
)
from psycopg.conninfo import make_conninfo

from swaps.access.roles import Role
from tests.browser.gallery import Stage
from tests.integration.bundled_host.running import wait_until
from tests.integration.console.scenes import Fleet

REPOSITORY_ROOT = Path(__file__).parents[2]
CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")
PASSWORD = "correct horse battery staple"
# The machine may be busy: limits only end tests that would hang.
PATIENCE_MS = 60_000


# Of the package, not of the session: while Playwright's loop runs in this thread, no
# asynchronous test of another folder can.
@pytest.fixture(scope="package", autouse=True)
def _django_from_playwrights_loop() -> Iterator[None]:
    """Playwright's synchronous API runs an event loop under us, which Django would refuse."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)), None)
    if found is None:
        pytest.fail("the browser tests need Chromium: run 'make browser'", pytrace=False)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=found,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--disable-component-update"),
                "--disable-sync",
            ],
        )
        yield browser
        browser.close()


class Console:
    """A console process on a port of its own, with the tests' database. Can start again."""

    def __init__(self, log: Path) -> None:
        self._log = log
        # Bound here and handed over: nobody else can take the port, also between two starts.
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        database = make_conninfo(
            os.environ["DATABASE_URL"], dbname=str(connection.settings_dict["NAME"])
        )
        environment = os.environ | {
            "DATABASE_URL": database,
            "HOTSWAP_VALKEY_PREFIX": settings.VALKEY_PREFIX,
        }
        listener = self._listener.dup()
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "runconsole", "--fd", str(listener.fileno())],
                cwd=REPOSITORY_ROOT,
                env=environment,
                pass_fds=[listener.fileno()],
                stdout=log,
                stderr=log,
            )
        listener.close()
        wait_until(self._answers, f"the console's first answer; see {self._log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the console ended: {self._log.read_text()}"
        try:
            return httpx.get(f"{self.address}/login", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def process(self) -> psutil.Process:
        assert self._process is not None, "the console was not started"
        return psutil.Process(self._process.pid)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        self.kill()
        self._listener.close()


@pytest.fixture(scope="session")
def console(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    console = Console(tmp_path_factory.mktemp("console") / "daphne.log")
    console.start()
    yield console
    console.close()


@dataclass
class Desk:
    """One person at one browser."""

    page: Page
    context: BrowserContext
    console: Console
    complaints: list[str]
    _expected: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.console.address}{path}")
        return self.page

    def expects(self, *words: str) -> None:
        """Complaints with these words belong to the test; any other fails it at its end."""
        self._expected += words

    @property
    def unexpected(self) -> list[str]:
        return [
            complaint
            for complaint in self.complaints
            if not any(one in complaint for one in self._expected)
        ]


class Desks:
    def __init__(self, browser: Browser, console: Console) -> None:
        self._browser, self._console = browser, console
        self._open: list[Desk] = []

    def __call__(
        self,
        role: Role | None = Role.OPERATOR,
        *,
        name: str = "",
        dark: bool = False,
        width: int = 1440,
        script: bool = True,
    ) -> Desk:
        """A new browser window; signed in unless `role` is None."""
        context = self._browser.new_context(
            viewport={"width": width, "height": 900 if width > 500 else 844},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
            timezone_id="Europe/Berlin",
        )
        context.set_default_timeout(PATIENCE_MS)
        if role is not None:
            session = _session(a_person(name or str(role), role))
            context.add_cookies(
                [{"name": "sessionid", "value": session, "url": self._console.address}]
            )
        desk = Desk(context.new_page(), context, self._console, complaints_in(context))
        self._open.append(desk)
        return desk

    def close(self) -> None:
        for desk in self._open:
            desk.context.close()
        unexpected = [complaint for desk in self._open for complaint in desk.unexpected]
        assert unexpected == [], "the browser complained"


def complaints_in(context: BrowserContext) -> list[str]:
    """What the browser complains of from now on, in any page of this context: errors, also of
    the content security policy, warnings, and whatever is asked of another host.
    """
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            complaints.append(message.text)

    def look(request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname != "127.0.0.1":
            complaints.append(f"asked another host: {request.url}")

    context.on("console", hear)
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("request", look)
    return complaints


def a_person(name: str, role: Role) -> User:
    person = User.objects.filter(username=name).first()
    if person is None:
        person = User.objects.create_user(name, password=PASSWORD)
        person.groups.add(Group.objects.get_or_create(name=role.value)[0])
    return person


def _session(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value


@pytest.fixture
def desks(transactional_db: None, browser: Browser, console: Console) -> Iterator[Desks]:
    """Closed before the rows are deleted: an open page reads them."""
    desks = Desks(browser, console)
    yield desks
    desks.close()


@pytest.fixture
def fleet(transactional_db: None) -> Iterator[Fleet]:
    fleet = Fleet()
    yield fleet
    fleet.close()


@pytest.fixture
def stage(transactional_db: None) -> Iterator[Stage]:
    stage = Stage()
    yield stage
    stage.close()
