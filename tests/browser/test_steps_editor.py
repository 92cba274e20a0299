"""The steps of a strategy as rows: added, moved and removed; the JSON beside them says the same."""

import json
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.desks import PATIENCE_MS, Desks
from tests.integration.console.scenes import Fleet

expect.set_options(timeout=PATIENCE_MS)

PATH = "/swaps/new?model=iris&to_version=1.1&strategy=custom"


@pytest.fixture
def page(fleet: Fleet, desks: Desks) -> Page:
    page = desks().open(PATH)
    expect(page.get_by_label("What step 1 does")).to_be_visible()
    return page


def sent(page: Page) -> Any:
    return json.loads(page.locator("#steps").input_value())


def preview(page: Page) -> list[str]:
    return page.locator("#plan .steps li").all_inner_texts()


def test_rows_are_added_changed_moved_and_removed(page: Page) -> None:
    expect(page.locator("#steps")).to_be_hidden()
    assert preview(page) == ["10 % for 1 min", "50 % until promoted", "100 %"]
    page.get_by_label("Percent of step 1").fill("20")
    page.get_by_label("What step 4 does").select_option("hold")
    page.get_by_label("Seconds of step 4").fill("1.5")
    page.get_by_role("button", name="Add a step").click()
    expect(page.get_by_label("What step 5 does")).to_be_focused()
    expect(page.get_by_label("What step 5 does")).to_have_value("set-weight")
    page.get_by_label("Percent of step 5").fill("80")
    page.get_by_role("button", name="Remove step 2").click()
    expect(page.get_by_role("button", name="Remove step 2")).to_be_focused()
    assert sent(page) == [
        {"setWeight": 20},
        {"setWeight": 50},
        {"pause": {"duration": 1.5}},
        {"setWeight": 80},
    ]
    expect(page.locator("#plan .steps li").nth(1)).to_have_text("50 % for 1.5 s")
    page.get_by_role("button", name="Move step 3 up").click()
    expect(page.get_by_role("button", name="Move step 2 up")).to_be_focused()
    assert sent(page)[1] == {"pause": {"duration": 1.5}}
    expect(page.locator("#plan .steps li").first).to_have_text("20 % for 1.5 s")
    page.get_by_label("Keep a caller at one version by the header").fill("x-user")
    expect(page.locator("#plan")).to_contain_text("x-user")
    assert sent(page)["stickyHeader"] == "x-user"


def test_what_cannot_be_is_said_in_the_plan_and_stays_in_its_row(page: Page) -> None:
    page.get_by_label("Percent of step 1").fill("much")
    expect(page.locator("#plan")).to_contain_text("The strategy: step 1")
    expect(page.get_by_label("Percent of step 1")).to_have_value("much")


def test_the_json_and_the_rows_follow_each_other(page: Page) -> None:
    page.get_by_text("As JSON").click()
    field = page.locator("#steps")
    field.fill('[{"setWeight": 7}]')
    expect(page.get_by_label("Percent of step 1")).to_have_value("7")
    expect(page.get_by_label("What step 2 does")).to_have_count(0)
    field.fill("[{")  # by half: there are no rows of that
    expect(page.get_by_label("What step 1 does")).to_be_hidden()
    expect(field).to_be_visible()
    field.fill('{"name": "mine", "steps": [{"setWeight": 9}]}')
    page.get_by_label("Percent of step 1").fill("12")
    assert sent(page) == {"name": "mine", "steps": [{"setWeight": 12}]}


def test_without_script_there_is_the_json(fleet: Fleet, desks: Desks) -> None:
    page = desks(script=False).open(PATH)
    expect(page.locator("#steps")).to_be_visible()
    expect(page.locator("[data-steps-editor]")).to_be_hidden()
