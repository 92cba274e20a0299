"""Hosts and models that are slow hold up nobody but themselves; what they said last is kept."""

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from django.db.models.functions import Now

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.domain.states import SwapState
from swaps.engine.advance import advance
from swaps.engine.hosts import calls
from swaps.engine.hosts.warm_up import WarmUp
from swaps.engine.shutdown import shut_down
from swaps.models import ModelHost, Placement
from tests.integration.bundled_host.running import TOKEN, wait_until
from tests.integration.engine.gate import Gate, a_gate_before
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    a_serving_model,
    carry_on,
    fresh,
    placement,
    somebody_waits_for_a_lock,
    time_passes,
    waits_for,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState


@pytest.fixture
def gate(alpha: HostOfTests) -> Iterator[Gate]:
    """In front of alpha."""
    with a_gate_before(alpha.url) as gate:
        ModelHost.objects.create(name="alpha", kind="bundled", url=gate.url, control_token=TOKEN)
        yield gate


def test_a_slow_warm_up_holds_no_worker_and_wakes_the_swap_when_it_is_done(
    alpha: HostOfTests, gate: Gate, swapper: ModelHotSwapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    iris = a_serving_model(alpha)
    woken: list[object] = []
    monkeypatch.setattr("swaps.engine.advance.wake_swap", woken.append)
    gate.hold("/infer")
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("warming up on alpha"))

    def asked() -> list[str]:
        """The old version's own warm-up may have been asked for twice, and come late."""
        return [path for path in gate.held if "/versions/1.1/" in path]

    wait_until(asked, "the inference is asked for, and no worker waits for it")
    for _ in range(3):
        advance(swap.pk)
    assert len(asked()) == 1, "a slow model is asked once"
    woken.clear()  # on a busy machine earlier answers came late, too
    gate.let_through()
    carry_on(swap, until=lambda _: swap.pk in woken)
    carry_on(swap, until=S.COMPLETED)


def test_a_worker_that_ends_hears_out_the_hosts_that_it_asked(
    alpha: HostOfTests, gate: Gate
) -> None:
    iris = a_serving_model(alpha)
    serving = placement(iris, "1.0", alpha)
    gate.hold("/infer")
    asked = calls.answer(serving, WarmUp(SAMPLE_REQUESTS["iris"], 0))
    assert calls.perform(asked) == [False], "it takes its time"
    assert placement(iris, "1.0", alpha).lease_until is not None
    gate.let_through_after(0.3)
    shut_down()
    assert placement(iris, "1.0", alpha).lease_until is None, (
        "written: nobody has to wait until its lease is over"
    )


def test_an_inference_that_came_late_is_not_asked_for_again_while_it_is_written(
    alpha: HostOfTests, gate: Gate
) -> None:
    iris = a_serving_model(alpha)
    serving = placement(iris, "1.0", alpha)
    ask = partial(calls.perform, calls.answer(serving, WarmUp(SAMPLE_REQUESTS["iris"], 0)))
    gate.hold("/infer")
    assert ask() == [False], "it takes its time"
    Placement.objects.filter(pk=serving.pk).update(lease_until=Now() - timedelta(seconds=1))
    with transaction.atomic():
        # Whoever writes the answer waits for the row.
        Placement.objects.select_for_update().get(pk=serving.pk)
        gate.let_through()
        wait_until(somebody_waits_for_a_lock, "the answer is about to be written")
        gate.hold("/infer")
        asked_before = len(gate.held)
        assert not calls.not_under_way([calls.answer(serving, WarmUp(None, 0))])
        assert ask() == [False]
    assert len(gate.held) == asked_before
    gate.let_through()
    wait_until(lambda: ask() == [True], "and when it is written, it may be")


def test_a_host_that_lets_a_look_wait_holds_no_worker(
    alpha: HostOfTests, gate: Gate, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    alpha.put_slow_to_load(iris, "2.0", products=100)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    carry_on(swap, until=waits_for("2.0 is not ready on alpha (loading)"))
    gate.hold("/versions/2.0")
    before = len(gate.held)

    def asked(_: object) -> bool:
        return len(gate.held) > before

    carry_on(swap, until=asked)
    assert "alpha" in fresh(swap).waiting_for
    gate.let_through()
    carry_on(
        swap, until=lambda seen: seen.state != S.LOADING_NEW_VERSION or "2.0" in seen.waiting_for
    )


def test_a_swap_that_fails_at_its_deadline_says_what_the_host_said_of_the_load(
    alpha: HostOfTests, gate: Gate, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    gate.refuse("/versions/1.1/load", "out of memory")
    swap = swapper.swap_version(iris, "1.0", "1.1", load_timeout_seconds=600)
    carry_on(swap, until=waits_for("out of memory"))
    time_passes(swap, 601)
    failed = carry_on(swap, until=S.FAILED)
    assert "its load deadline is over" in (failed.error_message or "")
    assert "out of memory (HTTP 500)" in (failed.error_message or "")
