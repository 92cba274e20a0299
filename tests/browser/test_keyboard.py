"""Keys: they search, go and move in lists, never while somebody types, and can be switched off."""

import pytest
from playwright.sync_api import Page, expect

from swaps.access.roles import Role
from tests.browser.desks import PATIENCE_MS, Desks
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def swap(fleet: Fleet) -> SwapScene:
    scene = SwapScene(fleet, "canary")
    scene.load()
    return scene


def at(page: Page, path: str) -> bool:
    page.wait_for_url(f"**{path}")
    return True


def test_search_by_keyboard_alone(swap: SwapScene, desks: Desks) -> None:
    page = desks(Role.VIEWER).open("/hosts")
    page.keyboard.press("/")
    box = page.get_by_role("searchbox")
    expect(box).to_be_focused()
    page.keyboard.type("ir?sg/")  # keys are letters here
    expect(box).to_have_value("ir?sg/")
    assert page.url.endswith("/hosts")
    box.fill("iri")
    hits = page.locator("#search-found .hits a")
    expect(hits.first).to_contain_text("iris")
    page.keyboard.press("ArrowDown")
    expect(hits.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(hits.nth(1)).to_be_focused()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    expect(box).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#search-found")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("iris")
    expect(hits.first).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    assert at(page, "/models/iris")


def test_enter_in_the_box_shows_all_that_is_found(swap: SwapScene, desks: Desks) -> None:
    page = desks(Role.VIEWER).open("/")
    page.keyboard.press("/")
    page.keyboard.type("1.1")
    page.keyboard.press("Enter")
    assert at(page, "/search?q=1.1")
    field = page.locator("#search-all")
    expect(field).to_be_focused()
    field.fill("alpha")
    expect(page.locator("#all-found")).to_contain_text("found for alpha")
    assert at(page, "/search?q=alpha")  # it can be shared


@pytest.mark.parametrize(
    ("letter", "path"),
    [
        ("o", "/"),
        ("m", "/models"),
        ("s", "/swaps"),
        ("h", "/hosts"),
        ("r", "/router"),
        ("a", "/audit"),
    ],
)
def test_g_and_a_letter_go_to_a_page(fleet: Fleet, desks: Desks, letter: str, path: str) -> None:
    page = desks(Role.VIEWER).open("/keys")
    page.keyboard.press("g")
    page.keyboard.press(letter)
    assert at(page, path)


def test_rows_by_arrows_and_enter(swap: SwapScene, desks: Desks) -> None:
    older = SwapScene(swap.fleet, queued=True)
    page = desks(Role.VIEWER).open("/swaps")
    page.wait_for_selector("body.linked")
    first, second = (page.locator("[data-rows] a").nth(n) for n in (0, 1))
    page.keyboard.press("j")
    expect(first).to_be_focused()
    page.keyboard.press("ArrowDown")
    expect(second).to_be_focused()
    page.keyboard.press("ArrowDown")  # it is the last
    expect(second).to_be_focused()
    swap.ready()  # the rows are replaced under the keyboard
    swap.shift(25)
    expect(page.locator(".swaps")).to_contain_text("Transitioning")
    expect(second).to_be_focused()
    page.keyboard.press("Home")
    expect(first).to_be_focused()
    page.keyboard.press("Escape")
    expect(first).not_to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    assert at(page, older.path)


def test_j_and_k_go_from_one_list_to_the_next(swap: SwapScene, desks: Desks) -> None:
    waiting = SwapScene(swap.fleet, queued=True)
    page = desks(Role.VIEWER).open("/")
    page.wait_for_selector("body.linked")

    def press(key: str) -> str:
        page.keyboard.press(key)
        return str(page.evaluate("document.activeElement.id || document.activeElement.href"))

    first, second = press("j"), press("j")
    assert (press("k"), press("j")) == (first, second)
    places = [first, second, *(press("j") for _ in range(4))]
    running = next(n for n, place in enumerate(places) if str(swap.row.pk) in place)
    assert any(str(waiting.row.pk) in place for place in places[running + 1 :]), places


def test_s_starts_a_swap_of_the_model_that_is_looked_at(fleet: Fleet, desks: Desks) -> None:
    page = desks().open("/models/iris")
    page.keyboard.press("s")
    assert at(page, "/swaps/new?model=iris")
    page.go_back()
    page.goto(page.url.replace("/models/iris", "/router"))
    page.keyboard.press("s")
    assert at(page, "/swaps/new")


def test_the_keys_are_told_and_switched_off(fleet: Fleet, desks: Desks) -> None:
    page = desks(Role.VIEWER).open("/")
    box = page.get_by_role("searchbox")
    expect(box).to_have_attribute("aria-keyshortcuts", "/")
    page.keyboard.press("?")
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("go to Overview")
    switch = dialog.get_by_role("checkbox")
    expect(switch).to_be_checked()
    switch.uncheck()
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    for key in ("/", "?", "g", "h"):
        page.keyboard.press(key)
    expect(box).not_to_be_focused()
    page.reload()  # it is remembered
    expect(box).not_to_have_attribute("aria-keyshortcuts", "/")
    page.keyboard.press("/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    expect(box).not_to_be_focused()
    expect(page.locator("dialog[open]")).to_have_count(0)
    assert page.evaluate("location.pathname") == "/"
    page.get_by_role("button", name="Keys").click()
    page.locator("dialog[open]").get_by_role("checkbox").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(box).to_be_focused()


def test_without_script_search_and_the_keys_page_work(fleet: Fleet, desks: Desks) -> None:
    page = desks(Role.VIEWER, script=False).open("/")
    page.get_by_role("searchbox").fill("alpha")
    page.keyboard.press("Enter")
    assert at(page, "/search?q=alpha")
    expect(page.locator("#all-found")).to_contain_text("alpha")
    page.get_by_role("button", name="Keys").click()
    assert at(page, "/keys")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()


def test_a_dialog_takes_the_keyboard_once(swap: SwapScene, desks: Desks) -> None:
    """Whoever goes on at once, as a fast typist does, keeps typing where they went."""
    page = desks().open(swap.path)
    page.wait_for_selector("body.linked")
    page.evaluate(
        """() => new MutationObserver(() => document.querySelector("dialog #reason").focus())
            .observe(document.getElementById("dialog"), { attributeFilter: ["open"] })"""
    )
    page.get_by_role("button", name="Cancel swap…").click()
    field = page.locator("dialog[open] #reason")
    expect(field).to_be_focused()
    page.keyboard.type("a wrong version")
    expect(field).to_have_value("a wrong version")
    expect(field).to_be_focused()


def test_a_refusal_puts_the_keyboard_into_the_field_it_is_about(
    swap: SwapScene, desks: Desks
) -> None:
    swap.ready()
    swap.shift(100, step_index=6)
    swap.drain(3)
    desk = desks(Role.ADMINISTRATOR)
    desk.expects("status of 422")
    page = desk.open(swap.path)
    page.locator("#do-force-unload").click()
    field = page.locator("dialog[open] #typed")
    field.fill("something else")
    page.locator("dialog[open] button[type=submit]").click()
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    page.keyboard.press("End")
    page.keyboard.type("!")
    expect(field).to_have_value("something else!")
