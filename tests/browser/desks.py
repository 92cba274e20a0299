"""People at browsers, and what the browsers complain of."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from swaps.access.roles import Role
from tests.given.console_process import Console
from tests.given.people import the_person

# The machine may be busy: limits only end tests that would hang.
PATIENCE_MS = 60_000


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
            session = _session(the_person(name or str(role), role))
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


def _session(person: User) -> str:
    client = Client()
    client.force_login(person)
    return client.cookies["sessionid"].value
