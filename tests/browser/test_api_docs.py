"""The page about the API, as a browser takes it under our content security policy."""

import pytest

from tests.browser.desks import Desks


@pytest.mark.parametrize("width", [1440, 390])
def test_it_fits_the_screen_and_nothing_is_refused(width: int, desks: Desks) -> None:
    desk = desks(None, width=width)
    page = desk.open("/api/v1/docs")
    page.get_by_role("link", name="Change a host").click()
    assert page.get_by_role("heading", name="Change a host").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert desk.complaints == []
