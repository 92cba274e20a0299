"""A worker that was stopped wakes late: its swap is over, and others went on without it."""

import uuid
from datetime import timedelta

import psycopg
import pytest
from django.db import connection
from django.db.models.functions import Now
from psycopg import conninfo
from psycopg.errors import IdleInTransactionSessionTimeout

from hotswap_site.settings import postgres_at
from swaps.adapters.contract import Ref
from swaps.adapters.errors import Conflict
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.decisions import Call, CallHosts, MoveTo, PassReturn
from swaps.domain.states import SwapState
from swaps.engine.hosts import calls as effects
from swaps.engine.hosts import leases, outcomes
from swaps.engine.hosts.adapters import adapter_of
from swaps.engine.hosts.rounds import reconcile
from swaps.engine.observe import ObservedSwap
from swaps.engine.write import steps as transitions
from swaps.engine.write.store import StaleSwap
from swaps.models import Placement, SwapEvent, SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    OPERATOR,
    a_serving_model,
    carry_on,
    carry_out,
    decided,
    next_is,
    placement,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def about_to(call: Call, swap: SwapOperation) -> tuple[ObservedSwap, CallHosts]:
    """A worker committed the intent and died; the next decided on the call and is stopped."""
    if call is Call.UNLOAD:
        observed, passing = next_is(PassReturn, swap)
        transitions.pass_return(observed, passing)
    else:
        observed, start = next_is(MoveTo, swap)
        transitions.move(observed, start)
    while True:
        observed, step = next_is(CallHosts, swap)
        if step.call is call:
            return observed, step
        carry_out(observed, step)


def test_a_late_unload_does_not_touch_a_version_that_serves_again(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    stopped = about_to(Call.UNLOAD, swap)
    stopped_in_the_call = placement(iris, "1.0", alpha)
    carry_on(swap, until=S.COMPLETED)
    carry_on(swapper.swap_version(iris, "1.1", "1.0"), until=S.COMPLETED)
    loaded_at = alpha.status(iris, "1.0")["loaded_at_ns"]

    assert carry_out(*stopped) is False
    assert effects.perform(effects.unload(stopped_in_the_call)) == [False]
    # Stopped between its last look at the rows and the call itself: the host compares fences.
    with pytest.raises(Conflict, match="older"):
        adapter_of(stopped_in_the_call.host).begin_unload(
            Ref(iris, "1.0"), fence=stopped_in_the_call.fence
        )
    assert alpha.answers(iris, "1.0")
    assert alpha.status(iris, "1.0")["loaded_at_ns"] == loaded_at
    assert placement(iris, "1.0", alpha).observed == "ready"


def test_a_late_load_does_not_bring_back_a_version_that_was_given_up(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    stopped = about_to(Call.LOAD, swap)
    stopped_in_the_call = placement(iris, "1.1", alpha)
    # Another worker makes the call, and then the operator gives the swap up.
    carry_out(*stopped)
    alpha.wait_for("ready", iris, "1.1")
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)
    reconcile()
    assert alpha.state(iris, "1.1") == "available"

    assert carry_out(*stopped) is False
    assert effects.perform(effects.load(stopped_in_the_call, digest="")) == [False]
    with pytest.raises(Conflict, match="older"):
        adapter_of(stopped_in_the_call.host).begin_load(
            Ref(iris, "1.1"), fence=stopped_in_the_call.fence, expected_digest=None
        )
    assert alpha.state(iris, "1.1") == "available"


def test_a_late_load_of_an_old_swap_does_nothing_for_the_new_one_on_that_version(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    about_to(Call.LOAD, swap)
    stopped_in_the_call = placement(iris, "1.1", alpha)
    apply_command(swap.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(swap, until=S.CANCELLED)
    again = swapper.swap_version(iris, "1.0", "1.1")
    about_to(Call.LOAD, again)  # loads nothing yet
    before = placement(iris, "1.1", alpha)

    assert effects.perform(effects.load(stopped_in_the_call, digest="")) == [False]
    assert effects.perform(effects.look(stopped_in_the_call)) == [False]
    after = placement(iris, "1.1", alpha)
    assert (after.fence, after.observed, after.load_called_at) == (
        before.fence,
        before.observed,
        before.load_called_at,
    )
    assert alpha.state(iris, "1.1") == "available"
    carry_on(again, until=S.COMPLETED)


def test_what_a_late_worker_saw_never_overwrites_newer_news(
    iris: str, alpha: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(warms=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("no healthy connection"))
    before = placement(iris, "1.1", alpha)
    Placement.objects.filter(pk=before.pk).update(observed_at=Now() - timedelta(seconds=9))
    stopped_before_it_wrote = leases.begin(effects.look(placement(iris, "1.1", alpha)))
    assert effects.perform(effects.look(placement(iris, "1.1", alpha))) == [True]
    [(_, late)] = effects.call(stopped_before_it_wrote)
    assert outcomes.commit(late) is False


def test_a_decision_on_an_old_generation_changes_nothing(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    stopped = decided(swap)
    carry_on(swap, until=S.COMPLETED)
    story = list(SwapEvent.objects.filter(swap=swap).values_list("generation", "reason"))
    with pytest.raises(StaleSwap):
        carry_out(*stopped)
    assert list(SwapEvent.objects.filter(swap=swap).values_list("generation", "reason")) == story
    assert weights(iris) == {"1.1": 100}


def test_a_worker_that_died_in_its_call_holds_the_swap_up_only_for_its_lease(
    iris: str, alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    stopped = about_to(Call.LOAD, swap)
    Placement.objects.filter(model__name=iris, version="1.1").update(
        lease_token=uuid.uuid4(), lease_until=Now() + timedelta(seconds=5)
    )
    assert carry_out(*stopped) is False
    assert alpha.state(iris, "1.1") == "available"
    time_passes(swap, 6)
    carry_on(swap, until=S.COMPLETED)


def test_a_worker_that_stands_still_in_a_transaction_keeps_nobody_from_the_swap(
    iris: str, swapper: ModelHotSwapper
) -> None:
    """As the settings connect it; Postgres ends its session, and with it its locks."""
    swap = swapper.swap_version(iris, "1.0", "1.1")
    parameters = connection.get_connection_params()
    of_a_worker = postgres_at(conninfo.make_conninfo(host=parameters["host"]))["OPTIONS"]["options"]
    ours = {k: v for k, v in parameters.items() if k not in {"cursor_factory", "context"}}
    with psycopg.connect(**ours | {"options": of_a_worker}) as stopped:
        stopped.execute("SELECT 1 FROM swaps_swapoperation WHERE id = %s FOR UPDATE", [swap.pk])
        carry_on(swap, until=S.COMPLETED)
        with pytest.raises(IdleInTransactionSessionTimeout):
            stopped.execute("SELECT 1")
        stopped.close()
    assert weights(iris) == {"1.1": 100}
