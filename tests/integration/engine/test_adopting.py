"""A version that others have loaded already is put in front of clients without a load.

Witness is the host: it knows no fence of a version until one of our calls names it.
"""

import pytest

from swaps.domain.states import SwapState
from swaps.engine.commands import request_activation
from swaps.engine.hot_swapper import ModelHotSwapper
from swaps.engine.reconcile import reconcile
from swaps.models import SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.swapping import (
    OPERATOR,
    a_model,
    a_serving_model,
    carry_on,
    is_loaded_again,
    placement,
    weights,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState


def load_by_hand(host: HostOfTests, model: str, version: str) -> None:
    assert host.running.ask("load", model, version).status_code == 202
    host.wait_for("ready", model, version)


def activation(model: str, version: str, host: HostOfTests) -> SwapOperation:
    swap = request_activation(
        actor=OPERATOR, model_name=model, version=version, target_hosts=[host.name]
    )
    assert swap is not None
    return swap


@pytest.mark.parametrize("known", ["not at all", "as it was before", "as it is"])
def test_a_version_that_serves_already_is_adopted_without_a_load(
    alpha: HostOfTests, known: str
) -> None:
    model = a_model(alpha)
    if known == "as it was before":
        reconcile()
        assert placement(model, "1.0", alpha).observed == "available"
    load_by_hand(alpha, model, "1.0")
    if known == "as it is":
        reconcile()
        assert placement(model, "1.0", alpha).observed == "ready"
    loaded_at = alpha.status(model, "1.0")["loaded_at_ns"]

    carry_on(activation(model, "1.0", alpha), until=S.COMPLETED)
    said = alpha.status(model, "1.0")
    assert (said["fence"], said["loaded_at_ns"]) == (None, loaded_at), "nobody called load"
    assert weights(model) == {"1.0": 100}
    seen = placement(model, "1.0", alpha)
    assert seen.load_called_at is None
    assert is_loaded_again(model, "1.0", alpha), "and it answered, in this boot"


def test_the_new_version_of_a_swap_is_adopted_too(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    load_by_hand(alpha, model, "1.1")
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    assert alpha.status(model, "1.1")["fence"] is None
    assert weights(model) == {"1.1": 100}
    # From now on it is ours: what takes it away later is told apart from what came before.
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    assert alpha.state(model, "1.1") == "available"
    assert alpha.status(model, "1.1")["fence"] == placement(model, "1.1", alpha).fence


def test_one_that_its_host_lost_meanwhile_is_loaded_after_all(mortal: HostOfTests) -> None:
    model = a_model(mortal)
    load_by_hand(mortal, model, "1.0")
    swap = activation(model, "1.0", mortal)
    mortal.restart_empty()
    carry_on(swap, until=S.COMPLETED)
    assert mortal.status(model, "1.0")["fence"] == placement(model, "1.0", mortal).fence
    assert is_loaded_again(model, "1.0", mortal)


def test_one_that_was_given_up_before_hears_of_the_new_intent_though_it_is_loaded(
    alpha: HostOfTests, swapper: ModelHotSwapper
) -> None:
    """A worker stopped in the unload of before may still send it: its fence must be refused."""
    model = a_serving_model(alpha)
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    given_up = placement(model, "1.0", alpha).fence
    load_by_hand(alpha, model, "1.0")
    reconcile()
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    late = alpha.running.ask("unload", model, "1.0", fence=given_up)
    assert (late.status_code, late.json()["code"]) == (409, "stale-fence")


def test_what_is_loaded_from_another_file_than_was_asked_for_is_not_adopted(
    alpha: HostOfTests,
) -> None:
    model = a_model(alpha)
    load_by_hand(alpha, model, "1.0")
    swap = activation(model, "1.0", alpha)
    assert alpha.running.ask("unload", model, "1.0").status_code in {200, 202}
    alpha.wait_for("available", model, "1.0")
    alpha.replace(model, "1.0", like="iris/1.1")
    load_by_hand(alpha, model, "1.0")
    done = carry_on(swap, until=S.FAILED)
    assert "another file" in (done.error_message or "")
    assert weights(model) == {}
