"""A swap's page in Chromium: what moves in the world moves on the page, by itself."""

import pytest
from playwright.sync_api import Page, expect

from swaps.access.roles import Role
from swaps.models import SwapOperation
from tests.browser.desks import PATIENCE_MS, Desks
from tests.given.console_process import Console
from tests.integration.bundled_host.running import wait_until
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def scene(fleet: Fleet) -> SwapScene:
    return SwapScene(fleet, "canary")


def state_of(page: Page) -> str:
    return page.locator("#swap-head [aria-current] .state").inner_text()


def live(page: Page) -> Page:
    page.wait_for_selector("body.linked")
    return page


def test_a_swap_from_start_to_end_without_a_reload(scene: SwapScene, desks: Desks) -> None:
    desk = desks()
    page = live(desk.open(scene.path))
    loaded_once = page.evaluate("window.loadedOnce = true")
    states = page.evaluate(
        """() => {
            window.states = [];
            const look = () => {
                const now = document.querySelector("#swap-head [aria-current] .state");
                const state = now.textContent;
                if (window.states.at(-1) !== state) window.states.push(state);
            };
            look();
            document.addEventListener("htmx:wsAfterMessage", look);
            return window.states;
        }"""
    )
    assert states == ["NotStarted"]
    scene.load()
    expect(page.locator("#swap-now")).to_contain_text("1.1 is not ready on alpha")
    scene.ready()
    scene.shift(5)
    scene.shift(25, step_index=3)
    expect(page.locator("#swap-now")).to_contain_text("Holding at 25 %")
    expect(page.locator("#bar-new")).to_have_attribute("width", "250.0")
    scene.drain(3)
    expect(page.locator("#swap-now")).to_contain_text("Waiting for 3 requests on 1.0 to finish")
    expect(page.locator("#swap-flight .counts .old b")).to_have_text("3")
    # What can be done about the drain stands beside it, and stays there as the figures move.
    expect(page.locator("#swap-drain a")).to_have_text(["Extend drain…"])
    expect(page.locator("#swap-commands a", has_text="Roll back…")).to_have_count(1)
    scene.fleet.in_flight = {"1.0": 1, "1.1": 7}
    expect(page.locator("#swap-flight .counts .old b")).to_have_text("1")
    expect(page.locator("#swap-drain a")).to_have_count(1)
    expect(page.locator("#swap-nodes tr", has_text="edge-1").locator(".count")).to_have_text(
        ["1", "4"]
    )
    scene.prove()
    scene.complete()
    expect(page.locator("#swap-now")).to_contain_text("1.1 serves all traffic")
    expect(page.locator("#swap-drain a")).to_have_count(0)
    expect(page.locator(".steps .lasted").first).to_be_visible()
    assert page.evaluate("window.states") == [
        "NotStarted",
        "LoadingNewVersion",
        "Transitioning",
        "OldVersionDraining",
        "Completed",
    ]
    assert page.evaluate("window.loadedOnce") == loaded_once  # nothing reloaded it
    assert page.locator("#swap-events li").count() == scene.row.events.count()


def test_one_acts_and_the_other_sees_it(scene: SwapScene, desks: Desks) -> None:
    scene.load()
    scene.ready()
    scene.shift(25, step_index=3)
    acting, watching = desks(), desks(Role.VIEWER)
    page, other = live(acting.open(scene.path)), live(watching.open(scene.path))
    assert other.locator("#swap-commands a").count() == 0
    page.get_by_role("button", name="Pause…").click()
    dialog = page.locator("dialog[open]")
    expect(dialog).to_contain_text("The weights stay where they are")
    expect(dialog.get_by_role("button", name="Go on")).to_be_focused()  # the safe choice
    dialog.get_by_label("Reason").fill("error budget")
    dialog.get_by_role("button", name="Pause").click()
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_role("button", name="Resume…")).to_be_visible()
    expect(other.locator("#swap-events")).to_contain_text("pause: error budget")
    scene.row.refresh_from_db()
    assert scene.row.paused
    # Both the answer and the websocket brought the event: it is listed once.
    scene.write("a later event")
    expect(page.locator("#swap-events")).to_contain_text("a later event")
    expect(page.locator("#swap-events li")).to_have_count(scene.row.events.count())


def test_escape_leaves_without_doing_anything(scene: SwapScene, desks: Desks) -> None:
    scene.load()
    page = live(desks().open(scene.path))
    page.get_by_role("button", name="Roll back…").click()
    page.locator("dialog[open]").wait_for()
    page.keyboard.press("Escape")
    expect(page.locator("dialog[open]")).to_have_count(0)
    scene.row.refresh_from_db()
    assert scene.row.abort_requested == ""


def test_a_refusal_appears_in_the_dialog(scene: SwapScene, desks: Desks) -> None:
    scene.load()
    desk = desks()
    desk.expects("status of 409")
    page = live(desk.open(scene.path))
    page.get_by_role("button", name="Cancel swap…").click()
    confirm = page.locator("dialog[open]").get_by_role("button", name="Cancel swap")
    confirm.wait_for()
    scene.ready()
    scene.shift(5)
    confirm.click()
    expect(page.locator("dialog[open] [role=alert]")).to_contain_text("went on to Transitioning")
    page.locator("dialog[open]").get_by_role("button", name="Cancel swap").click()
    expect(page.locator("dialog[open] [role=alert]")).to_contain_text("roll back instead")


def test_a_lost_connection_is_said_at_once_and_repaired_by_itself(
    scene: SwapScene, desks: Desks, console: Console
) -> None:
    desk = desks()
    # The latter is how htmx tells of a connection that it could not make.
    desk.expects("WebSocket connection to", "[object Event]")
    page = live(desk.open(scene.path))
    console.kill()
    try:
        expect(page.locator("#connection")).to_contain_text("Connection lost since")
        assert "lost" in (page.locator("body").get_attribute("class") or "")
        scene.load()  # nobody is told
    finally:
        console.start()
    live(page)
    expect(page.locator("#connection")).to_be_hidden()
    assert state_of(page) == "LoadingNewVersion"
    expect(page.locator("#swap-events")).to_contain_text("loading 1.1 on alpha, beta")


def test_without_script_the_page_shows_the_present_and_commands_work(
    scene: SwapScene, desks: Desks
) -> None:
    scene.load()
    page = desks(script=False).open(scene.path)
    assert state_of(page) == "LoadingNewVersion"
    page.get_by_text("Cancel swap…").click()
    page.get_by_label("Reason").fill("wrong version")
    page.locator("button[type=submit]", has_text="Cancel swap").click()
    page.wait_for_url(f"**{scene.path}")
    assert "cancel: wrong version" in page.locator("#swap-events").inner_text()
    wait_until(
        lambda: SwapOperation.objects.get(pk=scene.row.pk).abort_requested == "cancel",
        "the request to cancel",
    )


def test_deadlines_tick_and_local_time_is_on_hover(scene: SwapScene, desks: Desks) -> None:
    scene.load()
    page = live(desks().open(scene.path))
    countdown = page.locator("#swap-now time[data-countdown]")
    first = countdown.inner_text()
    assert first.startswith("in ")
    expect(countdown).not_to_have_text(first)
    clock = page.locator("#swap-events time").first
    clock.hover()
    assert "(your time)" in (clock.get_attribute("title") or "")


def test_on_paper_it_is_a_record_in_light_colours_with_nothing_to_press(
    scene: SwapScene, desks: Desks
) -> None:
    scene.load()
    page = live(desks(dark=True).open(scene.path))
    page.emulate_media(media="print", color_scheme="dark")
    for selector in (".rail", "#swap-commands", ".share"):
        expect(page.locator(selector)).to_be_hidden()
    expect(page.locator("#swap-events")).to_contain_text("loading 1.1 on alpha, beta")
    ink = page.evaluate("getComputedStyle(document.querySelector('h1')).color")
    lightness = float(ink.removeprefix("oklch(").split()[0])
    assert lightness < 0.5, ink


def test_its_link_is_copied(scene: SwapScene, desks: Desks) -> None:
    desk = desks(Role.VIEWER)
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = live(desk.open(scene.path))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == f"{desk.console.address}{scene.path}"
