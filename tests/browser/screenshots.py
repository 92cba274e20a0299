"""Pictures of every page in its main states, for critical eyes: into screenshots/ (ignored).

Not collected with the tests; run by name: pytest tests/browser/screenshots.py
"""

from collections.abc import Callable

import pytest

from swaps.access.roles import Role
from tests.browser.conftest import REPOSITORY_ROOT, Desks
from tests.integration.console.scenes import Fleet, SwapScene

FOLDER = REPOSITORY_ROOT / "screenshots"
LOOKS = [(1440, False), (1440, True), (390, False), (390, True)]
# So that the curve of requests in flight has some length.
WATCHED_MS = 6_000


def loading(scene: SwapScene) -> None:
    scene.load()


def transitioning(scene: SwapScene) -> None:
    loading(scene)
    scene.ready()
    scene.shift(5)
    scene.shift(25, step_index=3)


def draining(scene: SwapScene) -> None:
    transitioning(scene)
    scene.shift(50, step_index=5)
    scene.drain(3)


def overdue(scene: SwapScene) -> None:
    transitioning(scene)
    scene.drain(1, seconds=-5)


def completed(scene: SwapScene) -> None:
    draining(scene)
    scene.prove()
    scene.complete()


def failed(scene: SwapScene) -> None:
    loading(scene)
    scene.fail("the file is not an ONNX model")


def rolling_back(scene: SwapScene) -> None:
    transitioning(scene)
    scene.roll_back()


STATES: list[Callable[[SwapScene], None]] = [
    loading,
    transitioning,
    draining,
    overdue,
    completed,
    failed,
    rolling_back,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_live_swap(state: Callable[[SwapScene], None], fleet: Fleet, desks: Desks) -> None:
    scene = SwapScene(fleet, "canary")
    opened = []
    for width, dark in LOOKS:
        desk = desks(Role.ADMINISTRATOR, name="olga", width=width, dark=dark)
        desk.open(scene.path).wait_for_selector("body.linked")
        opened.append((desk, width, dark))
    state(scene)
    opened[0][0].page.wait_for_timeout(WATCHED_MS)
    for desk, width, dark in opened:
        shoot(desk.page, f"swap-{state.__name__}", width, dark)


def test_other_pages(fleet: Fleet, desks: Desks) -> None:
    old = SwapScene(fleet)
    failed(old)
    running = SwapScene(fleet, "canary")
    transitioning(running)
    for width, dark in LOOKS:
        desk = desks(Role.OPERATOR, name="olga", width=width, dark=dark)
        for name, path in {
            "overview": "/",
            "model": "/models/iris",
            "start": "/swaps/new?model=iris",
            "audit": "/audit",
            "confirm": f"{running.path}/rollback",
            "missing": "/models/none",
        }.items():
            desk.open(path)
            shoot(desk.page, name, width, dark)
        page = desk.open(running.path)
        page.wait_for_selector("body.linked")
        page.get_by_role("button", name="Roll back…").click()
        page.wait_for_selector("dialog[open]")
        page.screenshot(path=FOLDER / f"dialog-{width}-{'dark' if dark else 'light'}.png")
        desk = desks(None, width=width, dark=dark)
        desk.open("/login")
        shoot(desk.page, "login", width, dark)


def test_empty(desks: Desks) -> None:
    for width, dark in LOOKS:
        desk = desks(Role.OPERATOR, width=width, dark=dark)
        for name, path in {"empty-overview": "/", "empty-start": "/swaps/new"}.items():
            desk.open(path)
            shoot(desk.page, name, width, dark)


def shoot(page: object, name: str, width: int, dark: bool) -> None:
    path = FOLDER / f"{name}-{width}-{'dark' if dark else 'light'}.png"
    page.screenshot(path=path, full_page=True)  # type: ignore[attr-defined]
