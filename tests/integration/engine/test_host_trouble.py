"""Hosts that fail, vanish, hang, are full, or hold what nobody asked for."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from swaps.adapters.bundled import EXTENSION, BundledHost
from swaps.commands.errors import HostUnreachable, VersionNotFound
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.advance import advance
from swaps.engine.hosts.rounds import reconcile
from swaps.models import ModelHost, SwapOperation
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.hosts import HostOfTests, a_new_name
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_model,
    a_serving_model,
    activate,
    carry_on,
    fresh,
    is_loaded_again,
    placement,
    reconciled_until,
    time_passes,
    waits_for,
    weights,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState
# Matrix products; 100 take 1 to 2 s of one core, much more than a command, a look, and a turn.
SLOW = 100


@contextmanager
def a_host_that_says(words: dict[str, Any]) -> Iterator[str]:
    """Of itself, where no real server would: its address."""

    class Liar(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            index = {"models": [{"name": "iris", "version": "1.0"} | words]} | words
            answer = index | {"extensions": [EXTENSION], "name": "liar", "version": "1"}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def cleaned_up(swap: SwapOperation) -> None:
    reconciled_until(lambda: not fresh(swap).cleanup_pending)


# --- loads that fail


def test_a_load_failure_on_one_of_two_hosts_fails_the_swap_and_gives_back_the_other(
    alpha: HostOfTests, beta: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, beta)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    beta.replace(iris, "1.1", like="iris/1.0")  # since the swap was asked for
    failed = carry_on(swap, until=S.FAILED)
    assert failed.error_message is not None
    assert "could not be loaded on beta" in failed.error_message
    assert "expected" in failed.error_message
    cleaned_up(swap)
    for host in (alpha, beta):
        # Of the load that failed nothing is left either.
        assert host.state(iris, "1.1") == "available"
        assert not placement(iris, "1.1", host).unload_owed
        assert host.answers(iris, "1.0")
    assert weights(iris) == {"1.0": 100}


def test_with_enough_ready_hosts_the_failed_one_is_left_out(
    alpha: HostOfTests, beta: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, beta)
    swap = swapper.swap_version(iris, "1.0", "1.1", min_ready_hosts=1)
    beta.take_away(iris, "1.1")
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}
    assert alpha.answers(iris, "1.1")
    # It was looked at once more before the old version was given back.
    assert placement(iris, "1.1", beta).observed == "absent"
    for host in (alpha, beta):
        assert host.state(iris, "1.0") == "available"


def test_a_model_that_refuses_its_sample_request_takes_no_traffic(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    nonsense = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1], "data": [1.0]}]}
    swap = swapper.swap_version(iris, "1.0", "1.1")
    SwapOperation.objects.filter(pk=swap.pk).update(sample_request=nonsense)
    failed = carry_on(swap, until=S.FAILED)
    assert "refused the sample request" in (failed.error_message or "")
    assert weights(iris) == {"1.0": 100}


def test_a_load_that_takes_longer_than_it_may_fails_the_swap(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    alpha.put_slow_to_load(iris, "2.0", products=SLOW)
    swap = swapper.swap_version(iris, "1.0", "2.0", load_timeout_seconds=60)
    carry_on(swap, until=waits_for("2.0 is not ready on alpha (loading)"))
    time_passes(swap, 61)
    failed = carry_on(swap, until=S.FAILED)
    assert "not ready in time (its load deadline is over)" in (failed.error_message or "")
    assert weights(iris) == {"1.0": 100}
    cleaned_up(swap)
    assert alpha.state(iris, "2.0") == "available"


def test_a_cancel_during_a_slow_load_is_done_at_once_and_the_load_is_undone_later(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    alpha.put_slow_to_load(iris, "2.0", products=SLOW)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    carry_on(swap, until=waits_for("2.0 is not ready on alpha (loading)"))
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)
    assert alpha.state(iris, "2.0") == "loading"  # onnxruntime cannot stop half way
    assert fresh(swap).cleanup_pending
    alpha.wait_for("ready", iris, "2.0")
    cleaned_up(swap)
    assert alpha.state(iris, "2.0") == "available"
    assert alpha.answers(iris, "1.0")


def test_the_limit_of_loads_at_once_holds_across_swaps_of_different_models(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    # Made from the metadata, since 1.0 and 2.0 have different inputs.
    models = [a_serving_model(alpha, sample_request=None) for _ in range(2)]
    for model in models:
        alpha.put_slow_to_load(model, "2.0", products=SLOW // 2)
    assert ModelHost.objects.get(name="alpha").max_concurrent_loads == 1
    swaps = [swapper.swap_version(model, "1.0", "2.0") for model in models]
    full: set[str] = set()

    def both_completed() -> bool:
        for swap in swaps:
            advance(swap.pk)
            assert [alpha.state(model, "2.0") for model in models].count("loading") <= 1
            waiting_for = fresh(swap).waiting_for
            if "alpha loads as many versions as it may" in waiting_for:
                full.add(waiting_for)
        return all(fresh(swap).state == S.COMPLETED for swap in swaps)

    wait_until(both_completed, "both are completed")
    assert full, "one of them waited for a slot, and said so"


def test_a_load_that_was_cancelled_takes_its_slot_until_it_is_over(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    given_up, other = [a_serving_model(alpha, sample_request=None) for _ in range(2)]
    alpha.put_slow_to_load(given_up, "2.0", products=SLOW)
    alpha.put_slow_to_load(other, "2.0", products=1)
    swap = swapper.swap_version(given_up, "1.0", "2.0")
    carry_on(swap, until=waits_for("2.0 is not ready on alpha (loading)"))
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)

    second = swapper.swap_version(other, "1.0", "2.0")
    carry_on(second, until=waits_for("alpha loads as many versions as it may"))
    assert alpha.state(other, "2.0") == "available"
    cleaned_up(swap)
    carry_on(second, until=S.COMPLETED)


def test_who_wants_a_version_whose_load_was_cancelled_waits_for_its_outcome(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, sample_request=None)
    alpha.put_slow_to_load(iris, "2.0", products=SLOW)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    carry_on(swap, until=waits_for("2.0 is not ready on alpha (loading)"))
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)
    first_fence = placement(iris, "2.0", alpha).fence

    again = swapper.swap_version(iris, "1.0", "2.0")
    carry_on(again, until=S.LOADING_NEW_VERSION)
    claimed = placement(iris, "2.0", alpha)
    assert claimed.fence > first_fence
    assert claimed.lease_token is None, "nobody calls the host before it was looked at"
    carry_on(again, until=S.COMPLETED)
    assert alpha.state(iris, "2.0") == "ready"
    # An unload of the intent before, held up until now, is refused: the host knows better.
    late = alpha.running.ask("unload", iris, "2.0", fence=first_fence)
    assert late.status_code == 409
    assert alpha.state(iris, "2.0") == "ready"


# --- hosts that vanish


def test_a_host_that_restarts_empty_in_mid_load_is_asked_to_load_again(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal, sample_request=None)
    mortal.put_slow_to_load(iris, "2.0", products=SLOW // 2)
    swap = swapper.swap_version(iris, "1.0", "2.0")
    carry_on(swap, until=waits_for("2.0 is not ready on mortal (loading)"))
    mortal.restart_empty()
    carry_on(swap, until=waits_for("mortal first gets back what serves"))
    reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
    carry_on(swap, until=S.COMPLETED)
    assert mortal.state(iris, "2.0") == "ready"
    assert weights(iris) == {"2.0": 100}


def test_a_host_that_restarts_empty_while_it_serves_both_gets_both_again_the_old_one_first(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    mortal.restart_empty()
    reconcile()
    carry_on(swap, until=lambda seen: seen.reloads == 1 and seen.reloading_since is None)
    split = {"1.0": 50, "1.1": 50}
    routes = swap.events.filter(data__has_key="weights").values_list("data__weights", flat=True)
    assert list(routes.order_by("pk")) == [split, {"1.0": 100}, split]
    assert weights(iris) == split
    for version in split:
        assert mortal.answers(iris, version)
    carry_on(swap, until=waits_for("paused until promoted"))
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)
    assert weights(iris) == {"1.1": 100}


def test_what_somebody_unloads_in_mid_transition_turns_the_swap_back(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    assert mortal.running.ask("unload", iris, "1.1").is_success
    mortal.wait_for("available", iris, "1.1")
    reconcile()
    failed = carry_on(swap, until=S.FAILED)
    assert "1.1 stopped being ready on mortal" in (failed.error_message or "")
    assert weights(iris) == {"1.0": 100}
    assert mortal.answers(iris, "1.0")


def test_the_old_version_is_loaded_again_for_a_rollback_when_it_vanished(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    mortal.restart_empty()
    swapper.rollback(swap.pk)
    carry_on(swap, until=S.ROLLED_BACK)
    assert weights(iris) == {"1.0": 100}
    assert mortal.answers(iris, "1.0")
    assert mortal.state(iris, "1.1") == "available"


def test_the_new_version_is_loaded_again_when_it_vanishes_while_the_old_one_drains(
    mortal: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    iris = a_serving_model(mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    mortal.restart_empty()
    reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
    reconciled_until(lambda: is_loaded_again(iris, "1.1", mortal))
    node.now(proves=True)
    carry_on(swap, until=S.COMPLETED)
    assert mortal.answers(iris, "1.1")


def test_a_host_that_cannot_be_reached_refuses_the_request(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    mortal.kill()
    with pytest.raises(HostUnreachable, match="mortal"):
        swapper.swap_version(iris, "1.0", "1.1")
    assert not SwapOperation.objects.filter(to_version="1.1").exists()


def test_a_host_that_hangs_refuses_the_request_within_the_time_a_caller_waits(
    mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    mortal.stop_answering()
    with pytest.raises(HostUnreachable, match="mortal"):
        swapper.swap_version(iris, "1.0", "1.1")
    mortal.answer_again()
    carry_on(swapper.swap_version(iris, "1.0", "1.1"), until=S.COMPLETED)


def test_different_files_under_one_version_are_refused(
    alpha: HostOfTests, beta: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, beta)
    alpha.put(iris, "2.0", like="iris/1.0")
    beta.put(iris, "2.0", like="iris/1.1")
    with pytest.raises(VersionNotFound, match="different files") as refusal:
        swapper.swap_version(iris, "1.0", "2.0")
    assert "alpha" in str(refusal.value)
    assert "beta" in str(refusal.value)


def test_a_version_that_a_kind_of_host_cannot_serve_is_refused_at_once(
    alpha: HostOfTests, swapper: ModelHotSwapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    iris = a_serving_model(alpha)
    numbers = replace(BundledHost.capabilities, version_pattern="[0-9]+")
    monkeypatch.setattr(BundledHost, "capabilities", numbers)
    with pytest.raises(VersionNotFound, match=r"alpha \(a host of kind bundled serves no version"):
        swapper.swap_version(iris, "1.0", "1.1")


def test_a_version_moves_to_another_host(
    alpha: HostOfTests, beta: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_model(alpha, beta)
    activate(iris, "1.0", alpha)
    swap = swapper.swap_version(iris, "1.0", "1.1", target_hosts=["beta"])
    carry_on(swap, until=S.COMPLETED)
    assert beta.answers(iris, "1.1")
    assert alpha.state(iris, "1.1") == alpha.state(iris, "1.0") == "available"
    back = swapper.rollback(swap.pk)  # to where the old version was
    carry_on(back, until=S.COMPLETED)
    assert alpha.answers(iris, "1.0")
    assert beta.state(iris, "1.1") == "available"


# --- unloads, and what reconciliation does


def test_an_unload_that_fails_after_the_point_of_no_return_completes_and_is_retried(
    mortal: HostOfTests, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    iris = a_model(mortal, alpha)
    activate(iris, "1.0", mortal)
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1", target_hosts=["alpha"])
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    mortal.stop_answering()
    node.now(proves=True)
    carry_on(swap, until=lambda s: s.past_return_at is not None)
    time_passes(swap, 20)
    done = carry_on(swap, until=S.COMPLETED)
    assert done.cleanup_pending
    mortal.answer_again()
    cleaned_up(swap)
    assert mortal.state(iris, "1.0") == "available"


def test_a_version_that_vanished_is_loaded_again(mortal: HostOfTests) -> None:
    iris = a_serving_model(mortal)
    mortal.restart_empty()
    assert mortal.state(iris, "1.0") == "available"
    reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
    assert mortal.answers(iris, "1.0")


def test_a_version_that_vanished_is_loaded_again_though_a_swap_to_it_waits_in_line(
    mortal: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(mortal)
    node.now(warms=False)
    first = swapper.swap_version(iris, "1.0", "1.1")
    swapper.swap_version(iris, "1.1", "1.0", when_busy="queue")
    carry_on(first, until=waits_for("no healthy connection"))
    mortal.restart_empty()
    reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))


def test_a_file_that_was_replaced_is_not_loaded_in_place_of_what_vanished(
    mortal: HostOfTests,
) -> None:
    iris = a_serving_model(mortal)
    mortal.replace(iris, "1.0", like="iris/1.1")
    mortal.restart_empty()
    reconciled_until(lambda: placement(iris, "1.0", mortal).observed == "failed")
    assert "expected" in placement(iris, "1.0", mortal).observed_reason
    assert mortal.state(iris, "1.0") == "failed"


def test_what_nobody_asked_for_is_never_unloaded(alpha: HostOfTests) -> None:
    iris = a_serving_model(alpha)
    alpha.running.load(iris, "1.1")  # somebody, by hand
    unknown = a_new_name("not-registered")
    alpha.put(unknown, "1.0", like="iris/1.0")
    alpha.running.load(unknown, "1.0")
    for _ in range(3):
        reconcile()
    assert alpha.answers(iris, "1.1")
    assert alpha.answers(unknown, "1.0")
    drift = placement(iris, "1.1", alpha)
    assert (drift.desired, drift.observed) == ("absent", "ready")


def test_a_version_loaded_by_hand_after_it_was_unloaded_is_left_alone(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    carry_on(swapper.swap_version(iris, "1.0", "1.1"), until=S.COMPLETED)
    reconcile()
    alpha.running.load(iris, "1.0")
    for _ in range(3):
        reconcile()
    assert alpha.answers(iris, "1.0")


def test_a_host_that_does_not_answer_is_shown_as_unreachable_and_again_as_healthy(
    mortal: HostOfTests,
) -> None:
    a_serving_model(mortal)
    mortal.kill()
    reconcile()
    away = ModelHost.objects.get(name="mortal")
    assert (away.health, "no connection" in away.health_reason) == ("unreachable", True)
    mortal.start()
    reconcile()
    assert ModelHost.objects.get(name="mortal").health == "healthy"


def test_what_a_host_says_of_itself_keeps_nobody_from_the_others(mortal: HostOfTests) -> None:
    iris = a_serving_model(mortal)
    with a_host_that_says({"boot_id": "b\x00oot" * 100, "state": "re\x00ady"}) as url:
        ModelHost.objects.create(name="a-liar", kind="bundled", url=url)
        mortal.restart_empty()
        reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
        liar = ModelHost.objects.get(name="a-liar")
        assert liar.health == "unreachable"
        assert "boot_id that is not up to 64 printable characters" in liar.health_reason
