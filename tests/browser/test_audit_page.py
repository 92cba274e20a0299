"""The audit log in Chromium: new entries come by themselves, and nothing read is pushed away."""

from playwright.sync_api import expect

from swaps.access.roles import Actor, Role
from swaps.audit.record import record
from tests.browser.desks import PATIENCE_MS, Desks
from tests.integration.console.scenes import Fleet

expect.set_options(timeout=PATIENCE_MS)

OLGA = Actor("olga", Role.OPERATOR, "API", "192.0.2.7")


def write(name: str) -> None:
    record(actor=OLGA, action="swap", object_kind="model", object_name=name)


def test_what_is_read_stays_in_its_place_while_new_entries_come(fleet: Fleet, desks: Desks) -> None:
    for number in range(40):
        write(f"model-{number}")
    page = desks(Role.VIEWER).open("/audit?actor=olga")
    page.wait_for_selector("body.linked")
    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("model-39")
    read = rows.filter(has_text="model-12")
    read.get_by_role("link").first.focus()
    read.evaluate("row => row.scrollIntoView({ block: 'center' })")
    top = "row => row.getBoundingClientRect().top"
    before = read.evaluate(top)
    write("fraud")
    expect(rows.nth(1)).to_contain_text("fraud")
    assert abs(read.evaluate(top) - before) < 2
    expect(read.get_by_role("link").first).to_be_focused()


def test_who_looks_at_the_top_sees_them_come(fleet: Fleet, desks: Desks) -> None:
    page = desks(Role.VIEWER).open("/audit?actor=olga")
    page.wait_for_selector("body.linked")
    expect(page.locator("#audit-rows")).to_contain_text("No entry matches")
    write("iris")
    expect(page.get_by_role("row").nth(1)).to_contain_text("iris")
    expect(page.get_by_role("row").nth(1)).to_be_in_viewport()
