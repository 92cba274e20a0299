"""A second person approves in a real browser, and the page tells it at once."""

from playwright.sync_api import expect

from swaps.models import ServedModel, SwapOperation
from tests.browser.desks import PATIENCE_MS, Desks
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)


def test_what_the_swap_froze_is_read_and_approved(fleet: Fleet, desks: Desks) -> None:
    scene = SwapScene(fleet)
    ServedModel.objects.update(protected=True)
    SwapOperation.objects.update(needs_approval=True, queued=True, requested_by="olga")
    desk = desks()
    page = desk.open("/")
    page.locator("#overview-concerns").get_by_role("link", name="iris 1.0 → 1.1").click()
    page.wait_for_selector("body.linked")
    expect(page.locator("#swap-now")).to_contain_text("Waits for the approval of a second person")
    page.get_by_role("button", name="Approve…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Your approval is for just what stands here")
    expect(dialog.get_by_role("row", name="drain timeout seconds")).to_contain_text("30")
    dialog.get_by_label("Reason").fill("looked at the evaluation")
    dialog.get_by_role("button", name="Approve", exact=True).click()
    expect(page.locator("#swap-approval")).to_contain_text("Approved by operator")
    expect(page.locator("#swap-timeline")).to_contain_text("approved: looked at the evaluation")
    assert page.url.endswith(scene.path)
    assert desk.complaints == []
