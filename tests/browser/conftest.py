"""The console in a real Chromium, served by a real Daphne in a process of its own."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.desks import Desks
from tests.browser.gallery import Stage
from tests.given.console_process import Console
from tests.integration.console.scenes import Fleet

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


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


@pytest.fixture(scope="session")
def console(django_db_setup: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Console]:
    console = Console(tmp_path_factory.mktemp("console") / "daphne.log")
    console.start()
    yield console
    console.close()


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
