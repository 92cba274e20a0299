"""Loads with which a host goes down, as when its memory is out, and hosts that load in turn."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace

import pytest

from swaps.adapters.bundled import BundledHost
from swaps.commands.hosts.checks import check_again
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.domain.states import SwapState
from swaps.engine.advance import advance
from swaps.engine.hosts.rounds import reconcile
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    a_serving_model,
    carry_on,
    fresh,
    is_loaded_again,
    placement,
    reconciled_until,
    weights,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState
# Matrix products: a load of a second or more.
SLOW = 60


def test_a_load_that_takes_its_host_down_fails_the_swap_after_the_third_time(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal, sample_request=None)
    mortal.put_slow_to_load(iris, "2.0", products=SLOW)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    served: list[str] = []  # what 1.0 was when 2.0 began to load

    def it_failed() -> bool:
        advance(swap.pk)
        reconcile()
        if mortal.state(iris, "2.0") == "loading":
            served.append(mortal.state(iris, "1.0"))
            assert len(served) <= 3, "it is asked for again and again"
            mortal.restart_empty()
        return fresh(swap).state == S.FAILED

    wait_until(it_failed, "the swap has failed")
    assert served == ["ready"] * 3, "each time what serves was loaded first"
    assert "the host went down 3 times in a row" in (fresh(swap).error_message or "")
    assert weights(iris) == {"1.0": 100}
    reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
    assert mortal.state(iris, "2.0") == "available"


def test_what_its_host_went_down_with_is_loaded_again_when_the_host_was_checked(
    mortal: HostOfTests,
) -> None:
    iris = a_serving_model(mortal, sample_request=None)
    mortal.put_slow_to_load(iris, "2.0", products=SLOW)
    swap = ModelHotSwapper(ADMINISTRATOR).swap_version(iris, "1.0", "2.0")
    carry_on(swap, until=S.COMPLETED)
    mortal.restart_empty()
    deaths = 0

    def given_up() -> bool:
        nonlocal deaths
        reconcile()
        if mortal.state(iris, "2.0") == "loading":
            mortal.restart_empty()
            deaths += 1
        return placement(iris, "2.0", mortal).observed == "failed"

    wait_until(given_up, "it is not tried again")
    assert deaths == 3
    for _ in range(3):
        reconcile()
    assert mortal.state(iris, "2.0") == "available"
    assert "check the host" in placement(iris, "2.0", mortal).observed_reason

    check_again(actor=ADMINISTRATOR, name="mortal")
    reconciled_until(lambda: is_loaded_again(iris, "2.0", mortal))
    assert placement(iris, "2.0", mortal).lost_loads == 0


def test_hosts_whose_load_stalls_what_they_serve_load_one_after_the_other(
    alpha: HostOfTests,
    beta: HostOfTests,
    swapper: ModelHotSwapper,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    iris = a_serving_model(alpha, beta, sample_request=None)
    for host in (alpha, beta):
        host.put_slow_to_load(iris, "2.0", products=SLOW // 2)
    # No kind that is there is one of those.
    stalls = replace(BundledHost.capabilities, disturbs_siblings=True)
    monkeypatch.setattr(BundledHost, "capabilities", stalls)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    words: set[str] = set()

    def completed() -> bool:
        advance(swap.pk)
        words.add(fresh(swap).waiting_for)
        return fresh(swap).state == S.COMPLETED

    with _states_seen(iris, alpha, beta) as seen:
        wait_until(completed, "it is completed")
    assert ("loading", "available") in seen
    assert ("ready", "loading") in seen
    assert ("loading", "loading") not in seen
    assert any("one after the other" in sentence for sentence in words)


@contextmanager
def _states_seen(
    model: str, alpha: HostOfTests, beta: HostOfTests
) -> Iterator[set[tuple[str, str]]]:
    """Beside the test, or a load that is over before an `advance` returns would not be seen."""
    seen: set[tuple[str, str]] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            # beta first: what it says stays true while alpha is asked, should alpha begin then.
            on_beta, on_alpha = beta.state(model, "2.0"), alpha.state(model, "2.0")
            seen.add((on_alpha, on_beta))

    with ThreadPoolExecutor(1) as beside:
        looking = beside.submit(look)
        try:
            yield seen
        finally:
            over.set()
        looking.result()
