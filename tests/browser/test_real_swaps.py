"""An operator at a real Chromium, real swaps of real models: all processes run, under traffic."""

import json
import re
import shutil
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from tests.browser.desks import PATIENCE_MS, complaints_in
from tests.integration.bundled_host.running import TOKEN, running_host
from tests.system.fleet import Fleet, eventually, running_fleet

expect.set_options(timeout=PATIENCE_MS)

IN_STEPS: list[dict[str, Any]] = [
    {"setWeight": 20},
    {"pause": {"duration": 1.5}},
    {"setWeight": 60},
    {"pause": {"duration": 1.5}},
]
MOST_STOPS = 60  # of the tabulator, on the way to anything
# Keeps what the page showed, message by message: (state, weight of the old, weight of the new).
RECORDER = """() => {
    window.shown = [];
    const look = () => {
        const cells = (row) => document.querySelector(`.weights .${row} td`)?.textContent.trim();
        const state = document.querySelector("#swap-head [aria-current] .state").textContent;
        const now = [state, cells("old"), cells("new")].join(" | ");
        if (window.shown.at(-1) !== now) window.shown.push(now);
    };
    look();
    document.addEventListener("htmx:wsAfterMessage", look);
}"""


@pytest.fixture(scope="module")
def real() -> Iterator[Fleet]:
    with running_fleet() as running:
        yield running


class People:
    """Signed in by the login page, each once, each with a browser of their own."""

    def __init__(self, browser: Browser, fleet: Fleet) -> None:
        self._browser, self.fleet = browser, fleet
        self._contexts: dict[str, BrowserContext] = {}
        self._opened: list[BrowserContext] = []
        self._complaints: list[list[str]] = []

    def __call__(self, role: str) -> Page:
        if role not in self._contexts:
            self._contexts[role] = context = self.at_a_new_browser()
            page = context.new_page()
            page.goto(f"{self.fleet.stack.console_url}/login")
            page.get_by_label("User name").fill(f"the-{role}")
            page.get_by_label("Password").fill(f"a password of the {role}")
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url(f"{self.fleet.stack.console_url}/")
            return page
        return self._contexts[role].new_page()

    def at_a_new_browser(self) -> BrowserContext:
        """Nobody is signed in there yet."""
        context = self._browser.new_context(viewport={"width": 1440, "height": 900})
        context.set_default_timeout(PATIENCE_MS)
        self._opened.append(context)
        self._complaints.append(complaints_in(context))
        return context

    def at(self, role: str, path: str) -> Page:
        page = self(role)
        page.goto(f"{self.fleet.stack.console_url}{path}")
        return page

    def watching(self, role: str, swap_id: str) -> Page:
        page = self.at(role, f"/swaps/{swap_id}")
        page.wait_for_selector("body.linked")
        return page

    def close(self) -> None:
        for context in self._opened:
            context.close()
        self._require_content(*_OF_A_CUT_LINK)

    def before_the_link_is_cut(self) -> None:
        """For every page that is open by now; what they say until then is judged strictly."""
        self._require_content()

    def _require_content(self, *expected: str) -> None:
        # But for sockets that end with their page, and for the plan that is still being asked
        # for when the form is sent (htmx logs both).
        expected += ("WebSocket", "[object Event]", "[object HTMLFormElement]")
        complaints = [one for several in self._complaints for one in several]
        for several in self._complaints:
            several.clear()
        complaints = [one for one in complaints if not any(words in one for words in expected)]
        assert complaints == [], "the browser complained"


_OF_A_CUT_LINK = (
    *("net::ERR_CONNECTION", "net::ERR_EMPTY_RESPONSE"),
    *("htmx:sendError", "htmx:afterRequest"),
)


@pytest.fixture(scope="module")
def people(browser: Browser, real: Fleet) -> Iterator[People]:
    people = People(browser, real)
    yield people
    people.close()


@contextmanager
def a_slow_request(fleet: Fleet, model: str) -> Iterator[None]:
    """One that has been sent by half: it is in flight until this ends, and then is answered."""
    router = urlsplit(fleet.stack.router_url)
    assert router.hostname, router
    assert router.port, router
    body = json.dumps(SAMPLE_REQUESTS[model]).encode()
    head = (
        f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((router.hostname, router.port), timeout=90) as client:
        client.sendall(head.encode() + body[:10])
        yield
        client.sendall(body[10:])
        assert client.makefile("rb").readline().startswith(b"HTTP/1.1 200")


def press(
    page: Page, button: str, *, reason: str = "", seconds: str = "", within: Locator | None = None
) -> None:
    """A command's button, and then the one in its dialog."""
    (within or page).get_by_role("button", name=f"{button}…").first.click()
    dialog = page.locator("dialog[open]")
    if seconds:
        dialog.get_by_label("More time, in seconds").fill(seconds)
    dialog.get_by_label("Reason").fill(reason)
    dialog.locator("button[type=submit]").click()
    expect(page.locator("dialog[open]")).to_have_count(0)


def fill_step(page: Page, number: int, step: Mapping[str, Any]) -> None:
    """One row of the strategy's steps."""
    kind, unit, amount = (
        ("set weight", "Percent", step["setWeight"])
        if "setWeight" in step
        else ("hold", "Seconds", step["pause"]["duration"])
    )
    page.get_by_label(f"What step {number} does").select_option(kind)
    page.get_by_label(f"{unit} of step {number}").fill(str(amount))


def go_to(page: Page, selector: str) -> None:
    """By the tabulator alone, as somebody does who cannot point; it must be seen where one is."""
    for _ in range(MOST_STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            outline = "getComputedStyle(document.activeElement).outlineStyle"
            assert page.evaluate(outline) != "none", f"{selector} does not show its focus"
            return
    raise AssertionError(f"{selector} is not reached by keyboard")


def expect_state(page: Page, state: str) -> None:
    """Soon: each page is told by itself, one a little later than the other."""
    expect(page.locator("#swap-head [aria-current] .state")).to_have_text(state)


def id_of(page: Page) -> str:
    return page.url.rsplit("/", 1)[1]


def test_started_from_the_form_and_watched_to_its_end(real: Fleet, people: People) -> None:
    old, new = real.serving("iris"), real.other("iris")
    with real.traffic(60, "iris") as traffic:
        page = people.at("operator", "/swaps/new?model=iris")
        page.get_by_label("To", exact=True).fill(new)
        plan = page.locator("#plan")
        expect(plan).to_contain_text(f"alpha, beta just said: {new} is here.")
        page.get_by_text("custom", exact=True).click()
        for number, step in enumerate(IN_STEPS, start=1):
            fill_step(page, number, step)
        expect(plan).to_contain_text("60 % for 1.5 s")
        expect(plan).to_contain_text(f"unloads {old} once it is proven idle")
        page.get_by_label("Reason").fill("retrained on October data")
        page.get_by_role("button", name=f"Swap iris {old} → {new}, custom, about").click()
        page.wait_for_url("**/swaps/*-*")
        page.wait_for_selector("body.linked")
        page.evaluate(RECORDER)
        expect(page.locator("#swap-now")).to_contain_text(f"{new} serves all traffic")
        shown = page.evaluate("window.shown")
        report = traffic.report()
    weights = [line.split(" | ", 1)[1] for line in shown if line.startswith("Transitioning")]
    steps = [line for line in ("80 % | 20 %", "40 % | 60 %") if line in weights]
    assert steps == ["80 % | 20 %", "40 % | 60 %"], shown
    assert weights.index(steps[0]) < weights.index(steps[1])
    assert shown[-1].startswith("Completed | 0 % | 100 %"), shown
    assert report["failed"] == 0
    events = len(real.events(id_of(page)))
    expect(page.locator("#swap-events li")).to_have_count(events)
    page.reload()
    expect(page.locator("#swap-events li")).to_have_count(events)  # the record stays
    expect(page.locator(".tallies .new")).to_contain_text(new)  # with what was counted
    assert int(page.locator(".tallies .old td").first.inner_text().removeprefix("at least ")) > 0


def test_a_drain_held_open_is_extended_and_then_rolled_back(real: Fleet, people: People) -> None:
    old, new = real.serving("slow"), real.other("slow")
    with a_slow_request(real, "slow"):
        page = people.at(
            "operator", f"/swaps/new?model=slow&to_version={new}&drain_timeout_seconds=2"
        )
        page.get_by_role("button", name="Swap slow").click()
        page.wait_for_url("**/swaps/*-*")
        page.wait_for_selector("body.linked")
        expect(page.locator("#swap-now")).to_contain_text(
            f"Waiting for 1 request on {old} to finish"
        )
        expect(page.locator("#swap-now")).to_contain_text("its time is over")
        # Each host says how much it executes, beside what Envoy counts.
        expect(page.locator("#swap-nodes .count", has_text=re.compile(r"^\d+$"))).to_have_count(6)
        by_host = page.locator("#swap-by_host li")
        expect(by_host).to_have_count(2)
        expect(by_host.locator("path.old[d*=L]")).to_have_count(2)  # the curve of each moves on
        held = by_host.locator(".old", has_text=re.compile(r"\b1\s*$"))
        expect(held).to_have_count(1)  # by the one that runs the slow request
        drain = page.locator("#swap-drain")
        press(page, "Extend drain", seconds="600", reason="a long batch", within=drain)
        expect(page.locator("#swap-events")).to_contain_text("extend the drain by 600 s")
        expect(page.locator("#swap-now")).not_to_contain_text("its time is over")
        expect_state(page, "OldVersionDraining")
        press(page, "Roll back", reason="errors went up")
        expect(page.locator("#swap-now")).to_contain_text(f"Rolled back: {old} serves")
        expect_state(page, "RolledBack")
    assert real.serving("slow") == old
    audit = people.at("viewer", "/audit")
    for action in ("swap", "extend-drain", "rollback"):
        expect(audit.get_by_role("row").filter(has_text=action).first).to_be_visible()
    expect(audit.get_by_text("errors went up").first).to_be_visible()


def test_paused_and_promoted_by_one_and_seen_by_another(real: Fleet, people: People) -> None:
    new = real.other("iris")
    steps = [{"setWeight": 30}, {"pause": {"duration": 600}}, {"setWeight": 70}, {"pause": {}}]
    swap = real.start_swap("iris", strategy={"steps": steps})
    acting, other = people.watching("operator", swap["id"]), people.watching("viewer", swap["id"])
    expect(acting.locator("#swap-now")).to_contain_text("Holding at 30 %")
    press(acting, "Pause", reason="look at the errors first")
    expect(other.locator("#swap-events")).to_contain_text("pause: look at the errors first")
    press(acting, "Resume")
    expect(other.locator("#swap-events")).to_contain_text("resume")
    press(acting, "Promote", reason="they are fine")
    expect(other.locator("#bar-new")).to_have_attribute("width", "700.0")
    press(acting, "Promote")
    expect(other.locator("#swap-now")).to_contain_text(f"{new} serves all traffic")
    expect_state(acting, "Completed")
    # Who may only look has nothing to press, and is refused when posting by hand.
    assert other.locator("#swap-commands :is(a, button)").count() == 0
    token = {c["name"]: c["value"] for c in other.context.cookies()}["csrftoken"]
    answer = other.request.post(
        f"{real.stack.console_url}/swaps/{swap['id']}/rollback",
        form={"csrfmiddlewaretoken": token, "effect": "x"},
        headers={"origin": real.stack.console_url},
    )
    assert answer.status == 403
    assert "needs the role operator" in answer.text()
    audit = people.at("viewer", "/audit")
    for words in ("look at the errors first", "they are fine", "needs the role operator"):
        expect(audit.get_by_text(words).first).to_be_visible()


def test_the_link_is_cut_in_mid_swap_and_the_page_is_right_again(
    real: Fleet, people: People
) -> None:
    new = real.other("iris")
    swap = real.start_swap("iris", strategy={"steps": [{"setWeight": 40}, {"pause": {}}]})
    page = people.watching("operator", swap["id"])
    expect(page.locator("#bar-new")).to_have_attribute("width", "400.0")
    page.evaluate("window.loadedOnce = true")
    began = real.stack.supervisor.starts("console")
    people.before_the_link_is_cut()
    real.stack.supervisor.kill("console")
    expect(page.locator("#connection")).to_contain_text("since")
    eventually(lambda: real.stack.supervisor.starts("console") > began, what="a new console")
    page.wait_for_selector("body.linked")
    expect(page.locator("#connection")).to_be_hidden()
    press(page, "Promote", reason="after the outage")
    expect(page.locator("#swap-now")).to_contain_text(f"{new} serves all traffic")
    assert page.evaluate("window.loadedOnce"), "the page was reloaded"
    expect(page.locator("#swap-events li")).to_have_count(len(real.events(swap["id"])))


def test_log_in_start_watch_and_roll_back_by_keyboard_alone(real: Fleet, people: People) -> None:
    old, new = real.serving("iris"), real.other("iris")
    context = people.at_a_new_browser()
    page = context.new_page()
    page.goto(f"{real.stack.console_url}/login")
    page.keyboard.type("the-operator")  # the cursor is there already
    page.keyboard.press("Tab")
    page.keyboard.type("a password of the operator")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{real.stack.console_url}/")
    go_to(page, "a[href='/swaps/new']")
    page.keyboard.press("Enter")
    page.wait_for_url("**/swaps/new")
    go_to(page, "#model")
    page.keyboard.press("ArrowDown")  # iris is the first
    expect(page.locator("#from_version")).to_have_value(old)
    go_to(page, "#to_version")
    page.keyboard.type(new)
    go_to(page, "[name=strategy]")
    page.keyboard.press("ArrowDown")
    go_to(page, "#reason")
    page.keyboard.type("retrained")
    expect(page.locator("#start-words")).to_contain_text(f"Swap iris {old} → {new}, canary")
    go_to(page, "button[type=submit].primary")
    page.keyboard.press("Enter")
    page.wait_for_url("**/swaps/*-*")
    page.wait_for_selector("body.linked")
    go_to(page, "#do-rollback")
    expect(page.locator("#swap-now")).to_contain_text("Holding at 5 %")
    # The buttons were replaced under the keyboard, which stays where it was.
    expect(page.locator("#do-rollback")).to_be_focused()
    page.keyboard.press(" ")
    expect(page.locator("dialog[open] [data-close]")).to_be_focused()
    go_to(page, "#reason")
    page.keyboard.type("errors went up")
    go_to(page, "dialog button[type=submit]")
    page.keyboard.press("Enter")
    expect_state(page, "RolledBack")
    assert real.serving("iris") == old


def test_a_model_is_registered_and_its_first_version_activated(real: Fleet, people: People) -> None:
    for repository in real.repositories.values():
        shutil.copytree(repository / "iris", repository / "wine")
    watching = people.at("viewer", "/models")
    watching.wait_for_selector("body.linked")
    page = people.at("administrator", "/models")
    page.get_by_role("link", name="Register a model…").click()
    page.get_by_label("Name", exact=True).fill("wine")
    expect(page.locator("#found")).to_contain_text("1.1")
    page.get_by_label("Sample request").fill(json.dumps(SAMPLE_REQUESTS["iris"]))
    page.get_by_role("button", name="Register the model").click()
    page.wait_for_url("**/models/wine/activate")
    expect(watching.get_by_role("row", name="wine")).to_contain_text("nothing yet")
    page.get_by_role("radio", name="1.1").check()
    page.get_by_label("Reason").fill("the first of its kind")
    page.get_by_role("button", name="Activate").click()
    page.wait_for_url("**/swaps/*-*")
    expect(page.locator("#swap-now")).to_contain_text("1.1 serves all traffic")
    expect(watching.get_by_role("row", name="wine")).to_contain_text("1.1 100 %")
    watching.get_by_role("link", name="wine").click()
    watching.wait_for_selector("body.linked")
    with real.traffic(60, "wine") as traffic:
        expect(watching.locator("#model-traffic path.new").first).to_be_visible()
        expect(watching.locator("#model-serving")).to_contain_text("alpha 50 %")
        assert traffic.report()["failed"] == 0
    assert watching.locator("#model-commands :is(a, button)").count() == 0


def test_a_held_queue_is_released_at_the_overview(real: Fleet, people: People) -> None:
    old, new = real.serving("iris"), real.other("iris")
    first = real.start_swap("iris", strategy={"steps": [{"setWeight": 10}, {"pause": {}}]})
    real.start_swap("iris", from_version=new, to_version=old, when_busy="queue")
    model, overview = people.at("operator", "/models/iris"), people.at("operator", "/")
    for page in (model, overview):
        page.wait_for_selector("body.linked")
    expect(model.locator("#model-queue")).to_contain_text(f"{new} → {old}")
    expect(overview.locator("#overview-running")).to_contain_text(f"iris {old} → {new}")
    press(overview, "Roll back", reason="errors went up")
    real.finished(first["id"], "RolledBack")
    expect(overview.locator("#overview-concerns")).to_contain_text("The queue is held")
    expect(model.locator("#model-queue")).to_contain_text("ended RolledBack")
    press(overview, "Release the queue", reason="let it fail")
    # What waited was to go on from a version that does not serve: it is checked, and says so.
    expect(overview.locator("#overview-concerns")).not_to_contain_text("The queue is held")
    expect(model.locator("#model-queue")).to_be_hidden()
    expect(model.locator("#model-history")).to_contain_text("Failed")
    assert real.serving("iris") == old


# The last test here: its host ends with it, and the fleet has lost one.
def test_a_host_is_added_and_what_serves_there_is_adopted(
    real: Fleet, people: People, tmp_path: Path
) -> None:
    repository = tmp_path / "repository"
    shutil.copytree(real.repositories["alpha"] / "iris" / "1.0", repository / "tulips" / "1.0")
    with running_host(repository, tmp_path / "host", name="gamma") as gamma:
        gamma.load("tulips", "1.0")
        onlooker = people.at("viewer", "/hosts")
        onlooker.wait_for_selector("body.linked")

        page = people.at("administrator", "/hosts/new")
        page.get_by_label("Name").fill("gamma")
        page.get_by_label("Address").fill(gamma.url)
        page.get_by_label("Control token").fill("another")
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator(".steps-tried .failed")).to_contain_text("Authenticated")
        page.get_by_label("Control token").fill(TOKEN)
        page.get_by_role("button", name="Test connection").click()
        expect(page.locator(".steps-tried .passed")).to_have_count(8)
        expect(page.locator(".steps-tried")).to_contain_text("tulips 1.0 (ready)")
        page.get_by_role("button", name="Add the host").click()  # what was typed is still there
        page.wait_for_url("**/hosts/gamma")
        expect(onlooker.locator("#row-gamma")).to_be_visible()
        expect(onlooker.locator(".hosts")).to_contain_text("gamma serves tulips 1.0")

        page.get_by_role("button", name="Adopt tulips 1.0").click()
        page.get_by_role("dialog").get_by_role("button", name="Adopt 1.0").click()
        page.wait_for_url("**/swaps/*")
        expect(page.locator("#swap-now")).to_contain_text("1.0 serves all traffic")
        answer = httpx.post(
            f"{real.stack.router_url}/v2/models/tulips/infer",
            json=SAMPLE_REQUESTS["iris"],
            timeout=60,
            trust_env=False,
        )
        assert answer.headers["x-model-version"] == "1.0"
        expect(onlooker.locator(".hosts")).not_to_contain_text("which nobody registered")
        onlooker.goto(f"{real.stack.console_url}/hosts/gamma")
        row = onlooker.locator(".on-this-host tr", has_text="tulips")
        expect(row).to_contain_text("ready")
        expect(onlooker.get_by_role("button", name="Adopt tulips 1.0")).to_have_count(0)
        node = people.at("viewer", "/router").locator(".nodes tbody tr").first
        expect(node).to_contain_text("connected")
        expect(node.locator(".rate")).not_to_contain_text("–")
