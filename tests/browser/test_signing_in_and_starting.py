"""From the login page to a swap that was started."""

from playwright.sync_api import expect

from swaps.access.roles import Role
from swaps.models import SwapOperation
from tests.browser.desks import PATIENCE_MS, Desks
from tests.given.people import PASSWORD, the_person
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)


def test_sign_in_look_and_sign_out(fleet: Fleet, desks: Desks) -> None:
    the_person("olga", Role.OPERATOR)
    desk = desks(None)
    page = desk.open("/models/iris")
    page.get_by_label("User name").fill("olga")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/models/iris")  # where they wanted to go
    expect(page.get_by_role("heading", level=1)).to_have_text("iris")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/login")


def test_the_form_keeps_what_was_typed_and_says_what_is_wrong(fleet: Fleet, desks: Desks) -> None:
    desk = desks()
    desk.expects("status of 422")
    page = desk.open("/swaps/new?model=iris")
    page.get_by_label("To", exact=True).fill("No Such Version")
    page.get_by_label("canary").check()
    page.get_by_label("Reason").fill("retrained")
    page.get_by_role("button", name="Start the swap").click()
    field = page.get_by_label("To", exact=True)
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_value("No Such Version")
    expect(page.locator("#to_version-errors")).to_contain_text("cannot be a version name")
    expect(page.get_by_label("Reason")).to_have_value("retrained")
    expect(page.get_by_label("canary")).to_be_checked()
    page.get_by_role("button", name="1.1", exact=True).click()
    expect(field).to_have_value("1.1")
    assert SwapOperation.objects.count() == 0


def test_the_overview_follows_by_itself(fleet: Fleet, desks: Desks) -> None:
    desk = desks(Role.VIEWER)
    page = desk.open("/")
    scene = SwapScene(fleet, "canary")
    scene.load()
    expect(page.locator("#overview-running")).to_contain_text("LoadingNewVersion")
