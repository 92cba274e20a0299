"""What holds for every page in every state of the gallery: anyone can use it, in dark and light,
at any width; and the browser has nothing to complain of.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import resolve
from playwright.sync_api import Page

from swaps.console.pages import PAGES
from tests.browser.desks import Desks
from tests.browser.gallery import SCENES, Scene, Stage
from tests.browser.viewing import Viewer

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# In the dark nothing differs but the colours.
LOOKS = (
    (1440, False, {"type": "tag", "values": STANDARDS}),
    (390, False, {"type": "tag", "values": STANDARDS}),
    (1440, True, {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}),
)
# A laptop; the same at 200 % zoom; a phone; and a laptop at 400 % zoom.
WIDTHS = (1440, 720, 390, 320)


def test_the_gallery_shows_every_page() -> None:
    shown = {page for scene in SCENES for page in scene.pages}
    pages = {page.name for page in PAGES if not page.fragment}
    assert shown == pages, "add a scene to tests/browser/gallery.py"


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_everybody_can_use_it(scene: Scene, stage: Stage, desks: Desks) -> None:
    axe, viewer = Axe(), Viewer(desks)
    shown, wrong = set(), []
    for picture in scene.set_up(stage):
        page = viewer.look_at(picture).page
        shown.add(resolve(picture.path.partition("?")[0]).url_name)
        for width, dark, rules in LOOKS:
            viewer.through(page, width, dark=dark)
            found = _violations(axe, page, rules)
            wrong += [f"{picture.name} ({width}, {dark=}): {one}" for one in found]
        for width in WIDTHS:
            viewer.through(page, width, dark=False)
            wrong += [f"{picture.name} at {width}: {one} stands out" for one in _wider(page)]
    assert not wrong, "\n\n".join(wrong)
    assert shown == set(scene.pages)


def _violations(axe: Axe, page: Page, rules: dict[str, object]) -> list[str]:
    options = {"resultTypes": ["violations"], "runOnly": rules}
    found = axe.run(page, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def _wider(page: Page) -> list[str]:
    """What makes the page wider than the window, so that it scrolls sideways."""
    found: list[str] = page.evaluate(
        """() => document.documentElement.scrollWidth <= window.innerWidth ? [] :
            [...document.querySelectorAll("main *")]
                .filter((one) => one.getBoundingClientRect().right > window.innerWidth + 0.5)
                .map((one) => `${one.tagName}.${one.className}`).slice(0, 3).concat("the page")"""
    )
    return found
