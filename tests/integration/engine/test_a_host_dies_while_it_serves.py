"""One of two hosts dies under requests: the other answers, and the pages say which is gone."""

import time

import pytest

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.decisions import Wait
from swaps.domain.states import SwapState
from swaps.engine.hosts.rounds import reconcile
from swaps.models import Cluster, ClusterOnNode, DrainProof, Route, SwapOperation
from swaps.readings.host.hosts import read_host
from swaps.readings.swap.swaps import read_swap
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.calling import Callers, callers
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    carry_out,
    decided,
    fresh,
    is_loaded_again,
    reconciled_until,
    register,
    waits_for,
    weights,
)
from tests.integration.router.parts import EnvoyNode, applied, open_watch

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
WARM_UP = 4  # the first inference and three more


def members(model: str, version: str) -> tuple[int, int]:
    """Healthy ones and all, as Envoy's own gauges show them."""
    seen = ClusterOnNode.objects.get(
        cluster__model__name=model, cluster__version=version, cluster__retired_at=None
    )
    return seen.healthy, seen.total


def has_members(model: str, version: str, healthy: int, total: int) -> None:
    wait_until(
        lambda: members(model, version) == (healthy, total),
        f"{healthy} of {total} endpoints of {model} {version} are healthy",
    )


def both_have_their_share(model: str, *hosts: HostOfTests) -> None:
    """From the first request on: what Envoy's gauges show, its workers know."""
    for host in hosts:
        assert host.status(model, "1.0")["requests_total"] > WARM_UP, host.name


def killed_under(clients: Callers, host: HostOfTests) -> None:
    """What runs on the host is lost with it; whoever asks from then on has an answer."""
    host.kill()
    dead = time.monotonic()
    clients.more()
    lost = [call for call in clients.failed() if call.began <= dead]
    assert len(lost) <= 2 * clients.many, lost  # as it died, and on connections it left
    assert [call for call in clients.failed() if call.began > dead] == []


def test_requests_go_on_at_the_other_host_and_the_dead_one_serves_again_once_it_is_back(
    envoy: EnvoyNode, alpha: HostOfTests, mortal: HostOfTests
) -> None:
    iris = a_serving_model(alpha, mortal)
    has_members(iris, "1.0", healthy=2, total=2)
    with callers(envoy, iris) as clients:
        both_have_their_share(iris, alpha, mortal)
        killed_under(clients, mortal)
        has_members(iris, "1.0", healthy=1, total=2)
        lost = len(clients.failed())
        reconcile()
        gone = read_host("mortal")
        assert gone.health == "unreachable"
        assert "no connection" in (gone.health_reason or "")

        mortal.start()
        assert mortal.state(iris, "1.0") == "available"  # it came back empty
        reconciled_until(lambda: is_loaded_again(iris, "1.0", mortal))
        has_members(iris, "1.0", healthy=2, total=2)
        before = mortal.status(iris, "1.0")["last_request_ended_ns"]
        wait_until(
            lambda: mortal.status(iris, "1.0")["last_request_ended_ns"] != before,
            "it has its share of the requests again",
        )
        assert len(clients.failed()) == lost
    assert read_host("mortal").health == "healthy"


def test_a_swap_says_which_host_does_not_answer_and_goes_on_where_enough_are_left(
    envoy: EnvoyNode, alpha: HostOfTests, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY, min_ready_hosts=1)
    carry_on(swap, until=waits_for("paused until promoted"))
    with callers(envoy, iris) as clients:
        killed_under(clients, mortal)
        lost = len(clients.failed())
        reconcile()
        on = {host.host: host for host in read_swap(fresh(swap)).hosts}
        assert (on["alpha"].to_status, on["alpha"].reason) == ("ready", "")
        assert (on["mortal"].from_status, on["mortal"].to_status) == ("unknown", "unknown")
        assert "no answer from it: no connection" in on["mortal"].reason

        apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
        carry_on(swap, until=S.COMPLETED)
        assert weights(iris) == {"1.1": 100}
        mortal.start()
        reconciled_until(lambda: is_loaded_again(iris, "1.1", mortal))
        reconciled_until(lambda: not fresh(swap).cleanup_pending)
        has_members(iris, "1.1", healthy=2, total=2)
        clients.more()
        assert len(clients.failed()) == lost
    assert mortal.state(iris, "1.0") == "available"


def test_where_all_must_be_ready_the_swap_turns_back_and_names_the_host(
    envoy: EnvoyNode, alpha: HostOfTests, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha, mortal)
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    with callers(envoy, iris) as clients:
        killed_under(clients, mortal)
        lost = len(clients.failed())
        apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
        failed = carry_on(swap, until=S.FAILED)
        clients.more()
        assert len(clients.failed()) == lost
    assert "1.1 stopped being ready on mortal: no connection" in (failed.error_message or "")
    assert weights(iris) == {"1.0": 100}


def test_a_restart_in_mid_canary_goes_on_where_it_was_and_loses_no_call(
    envoy: EnvoyNode, alpha: HostOfTests, mortal: HostOfTests, swapper: ModelHotSwapper
) -> None:
    """The old version is on another host; what runs on the host that restarts ends with it."""
    iris = a_serving_model(alpha)
    mortal.put(iris, "1.1", like="iris/1.1")
    register(mortal)
    swap = swapper.swap_version(
        iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY, target_hosts=["mortal"]
    )
    carry_on(swap, until=waits_for("paused until promoted"))
    with callers(envoy, iris) as clients:
        dies = time.monotonic()
        mortal.restart_empty()
        reconcile()
        without_the_new_version(swap, envoy)
        off = time.monotonic()
        clients.more()  # while it is loaded again
        carry_on(swap, until=lambda seen: seen.reloads == 1 and seen.reloading_since is None)
        assert weights(iris) == {"1.0": 50, "1.1": 50}
        clients.more()
        carry_on(swap, until=waits_for("paused until promoted"))
        apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
        carry_on(swap, until=S.COMPLETED)
        clients.more()
        # Those alone for the version that was nowhere, until its weight was taken off.
        lost = clients.failed()
        assert [call for call in lost if call.ended < dies or call.began > off] == []
        between = [call for call in list(clients.calls) if dies < call.began < off]
        assert [call for call in between if call.status == 200], "the old version serves on"
    assert weights(iris) == {"1.1": 100}
    assert fresh(swap).reloads == 1


def without_the_new_version(swap: SwapOperation, envoy: EnvoyNode) -> None:
    """Step by step until the old version has all traffic, in every worker of the node."""
    model = swap.model

    def stepped() -> bool:
        observed, step = decided(swap)
        if not isinstance(step, Wait):
            carry_out(observed, step)
        return weights(model.name) == {"1.0": 100}

    wait_until(stepped, "the old version has all traffic")
    wait_until(lambda: applied(Route.objects.get(model=model), envoy), "the node has the route")
    # Its workers take a route one after the other; a flush that begins later follows all of them.
    asked = open_watch(Cluster.objects.get(model=model, version="1.1", retired_at=None))
    wait_until(lambda: DrainProof.objects.filter(watch=asked).exists(), "two flushes later")
