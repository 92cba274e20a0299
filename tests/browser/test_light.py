"""The pages are light, stand still, and ask nobody but us."""

from playwright.sync_api import CDPSession, expect

from tests.browser.desks import PATIENCE_MS, Desks
from tests.browser.gallery import drain, transition
from tests.integration.console.scenes import Fleet, SwapScene

expect.set_options(timeout=PATIENCE_MS)

MOST_BYTES = 100_000
# What moved without anybody's doing, since the page began to be drawn.
SHIFTS = """() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
        for (const shift of list.getEntries())
            if (!shift.hadRecentInput)
                window.shifts.push([shift.value, ...shift.sources.map((source) =>
                    `${source.node?.parentElement?.className} > ${source.node?.nodeName}`)]);
    }).observe({ type: "layout-shift", buffered: true });
}"""


def test_a_first_page_is_light(fleet: Fleet, desks: Desks) -> None:
    scene = SwapScene(fleet, "canary")
    transition(scene)
    desk = desks()
    wire = desk.context.new_cdp_session(desk.page)
    sizes = _sizes_on_the_wire(wire)
    page = desk.open(scene.path)
    page.wait_for_selector("body.linked")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 4, sizes  # the page, its styles and scripts
    assert sum(sizes.values()) < MOST_BYTES, sizes


def _sizes_on_the_wire(wire: CDPSession) -> dict[str, int]:
    """Bytes by address, as they come: heads, and bodies as they were compressed."""
    wire.send("Network.enable")
    addresses: dict[str, str] = {}
    sizes: dict[str, int] = {}

    def begins(answer: dict[str, dict[str, str]]) -> None:
        addresses[str(answer["requestId"])] = answer["response"]["url"]

    def ends(done: dict[str, str]) -> None:
        if done["requestId"] in addresses:
            sizes[addresses[done["requestId"]]] = int(done["encodedDataLength"])

    wire.on("Network.responseReceived", begins)
    wire.on("Network.loadingFinished", ends)
    return sizes


def test_nothing_jumps_while_a_swap_goes_on(fleet: Fleet, desks: Desks) -> None:
    scene = SwapScene(fleet, "canary")
    desk = desks()
    desk.page.add_init_script(f"({SHIFTS})()")
    page = desk.open(scene.path)
    page.wait_for_selector("body.linked")
    state = page.locator("#swap-head [aria-current] .state")
    for move, name in (
        (scene.load, "LoadingNewVersion"),
        (lambda: (scene.ready(), scene.shift(25, step_index=3)), "Transitioning"),
        (lambda: drain(scene), "OldVersionDraining"),
        (lambda: (scene.prove(), scene.complete()), "Completed"),
    ):
        move()
        expect(state).to_have_text(name)
    expect(page.locator("#swap-now")).to_contain_text("1.1 serves all traffic")
    assert page.evaluate("window.shifts") == []
