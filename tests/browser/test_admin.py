"""The admin in a real browser: our strict policy stops none of its pages and scripts."""

from playwright.sync_api import expect

from swaps.access.roles import Role
from swaps.models import ApiToken, AuditEntry, ModelHost, ServedModel, SwapOperation
from tests.browser.desks import PATIENCE_MS, Desks
from tests.integration.admin.clicking import address
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)


def test_pages_run_under_the_strict_policy_and_a_token_is_made(fleet: Fleet, desks: Desks) -> None:
    scene = SwapScene(fleet)
    desk = desks(Role.ADMINISTRATOR)
    pages = (
        "/admin/",
        address(ModelHost),
        address(ModelHost, "add"),
        address(ServedModel.objects.get(), "change"),
        address(SwapOperation.objects.get(pk=scene.path.rpartition("/")[2]), "change"),
        address(AuditEntry),
    )
    for path in pages:
        page = desk.open(path)
        expect(page.locator("#content")).to_be_visible()

    page = desk.open(address(ApiToken, "add"))
    page.get_by_label("Name").fill("ci")
    page.get_by_label("Role").select_option("operator")
    # A widget of Django's own scripts: it would not be there had the policy stopped one.
    page.get_by_text("Today", exact=True).first.click()
    expect(page.get_by_label("Date:")).not_to_have_value("")
    page.get_by_label("Date:").fill("2099-12-31")
    page.get_by_label("Time:").fill("12:00:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("code.token")).to_contain_text("hs_")
    assert ApiToken.objects.get().expires_at is not None
    assert desk.complaints == []
