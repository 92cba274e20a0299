"""Looking at the gallery's pictures: each page is loaded once, then seen in several ways."""

from typing import Literal

from playwright.sync_api import Page

from swaps.access.roles import Role
from tests.browser.desks import Desk, Desks
from tests.browser.gallery import Picture

HEIGHTS = {390: 844, 320: 568}


class Viewer:
    def __init__(self, desks: Desks) -> None:
        self._desks = desks
        self._seats: dict[Role | None, Desk] = {}

    def look_at(self, picture: Picture) -> Desk:
        if picture.role not in self._seats:
            # A page that is not there, or not for this role, is an answer like any other.
            desk = self._desks(picture.role, name=f"olga-{picture.role}")
            desk.expects("Failed to load resource")
            self._seats[picture.role] = desk
        desk = self._seats[picture.role]
        self.through(desk.page, 1440, dark=False)
        page = desk.open(picture.path)
        if picture.live:
            page.wait_for_selector("body.linked")
        if picture.press:
            page.get_by_role("button", name=picture.press).first.click()
            page.wait_for_selector(picture.shows)
        return desk

    def through(self, page: Page, width: int, *, dark: bool) -> None:
        page.set_viewport_size({"width": width, "height": HEIGHTS.get(width, 900)})
        # Nothing is looked at in the middle of a change of colours.
        scheme: Literal["dark", "light"] = "dark" if dark else "light"
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
