"""The engine, a real router process, a real Envoy and a real host: requests all the way.

What requests meet in whole swaps, under load and with processes killed, is in tests/system.
"""

from datetime import timedelta

import pytest

from hotswap_site.embedded.demo_models import SAMPLE_REQUESTS
from swaps.commands.errors import DrainTimeout
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.registration import register_model
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.seen import Seen
from swaps.domain.states import SwapState
from tests.integration.bundled_host.running import wait_until
from tests.integration.engine.calling import infer
from tests.integration.engine.hosts import HostOfTests, a_new_name
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    Beside,
    Condition,
    a_serving_model,
    activate,
    carry_on,
    fresh,
    register,
    waits_for,
    weights,
)
from tests.integration.router.parts import EnvoyNode

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
LONG = timedelta(seconds=60)


def test_both_versions_answer_during_the_transition_and_one_before_and_after(
    envoy: EnvoyNode, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)

    def versions_of(count: int) -> set[str]:
        answers = [infer(envoy, iris) for _ in range(count)]
        assert {answer.status for answer in answers} == {200}
        return {answer.headers["x-model-version"] for answer in answers}

    assert versions_of(5) == {"1.0"}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    assert versions_of(40) == {"1.0", "1.1"}  # by chance one of them in 2 of 2^40
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)
    assert versions_of(5) == {"1.1"}
    assert alpha.state(iris, "1.0") == "available"
    back = swapper.rollback(swap.pk)
    carry_on(back, until=S.COMPLETED)
    assert versions_of(5) == {"1.0"}


def test_with_a_sticky_header_a_caller_goes_over_once_and_never_back(
    envoy: EnvoyNode, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    iris = a_serving_model(alpha)
    steps = [{"setWeight": 20}, {"pause": {}}, {"setWeight": 60}, {"pause": {}}]
    strategy = {"steps": steps, "stickyHeader": "X-User"}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=strategy)
    callers = [f"caller-{number}" for number in range(60)]

    def on_the_new_one(caller: str) -> bool:
        """Whichever asks how often: one caller, one version."""
        answers = [infer(envoy, iris, headers={"x-user": caller}) for _ in range(3)]
        assert {answer.status for answer in answers} == {200}
        [version] = {answer.headers["x-model-version"] for answer in answers}
        return version == "1.1"

    def at(percent: int) -> Condition:
        return lambda _: weights(iris).get("1.1") == percent

    gone_over: set[str] = set()
    for percent in (20, 60):
        carry_on(swap, until=at(percent))
        carry_on(swap, until=waits_for("paused until promoted"))
        now = {caller for caller in callers if on_the_new_one(caller)}
        assert gone_over < now < set(callers)
        gone_over = now
        stands_at = Seen(step_index=fresh(swap).step_index)
        apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR, seen=stands_at)
    carry_on(swap, until=S.COMPLETED)
    assert all(on_the_new_one(caller) for caller in callers)


def test_drainage_times_out_while_a_request_runs_and_completes_when_it_has_its_answer(
    envoy: EnvoyNode, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    slow = a_new_name("slow")
    register(alpha)
    for version in ("1.0", "1.1"):
        alpha.put(slow, version, like=f"slow/{version}")
    sample = SAMPLE_REQUESTS["slow"]
    register_model(actor=ADMINISTRATOR, name=slow, sample_request=sample)
    activate(slow, "1.0", alpha)
    swapper.wait_for_drainage(slow, "1.0", LONG)  # idle

    running = Beside(lambda: infer(envoy, slow, "slow"))
    wait_until(lambda: alpha.status(slow, "1.0")["in_flight"] == 1, "the request executes")
    with pytest.raises(DrainTimeout, match="envoy-1"):
        swapper.wait_for_drainage(slow, "1.0", timedelta(seconds=0.3))
    assert not running.over
    answer = running.outcome()
    assert (answer.status, answer.headers["x-model-version"]) == (200, "1.0")
    swapper.wait_for_drainage(slow, "1.0", LONG)
