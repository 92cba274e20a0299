"""A command that was decided on an earlier step is refused, and told what happened since."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from swaps.commands.errors import NotPossibleNow
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.seen import Seen
from swaps.domain.states import SwapState
from swaps.models import AuditEntry, SwapEvent, SwapOperation
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    a_serving_model,
    carry_on,
    fresh,
    time_passes,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState
THREE_HOLDS = {
    "steps": [
        {"setWeight": 20},
        {"pause": {}},
        {"setWeight": 40},
        {"pause": {}},
        {"setWeight": 60},
        {"pause": {}},
    ]
}


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


@pytest.fixture
def held(iris: str, swapper: ModelHotSwapper) -> SwapOperation:
    """It holds at 20 %."""
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=THREE_HOLDS)
    return at_hold(swap, 20)


def at_hold(swap: SwapOperation, percent: int) -> SwapOperation:
    model = swap.model.name
    carry_on(swap, until=lambda _: weights(model).get("1.1") == percent)
    return carry_on(swap, until=waits_for("paused until promoted"))


def promote(swap: SwapOperation, seen: Seen | None = None) -> SwapOperation:
    return apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR, seen=seen)


def test_of_two_promotes_a_moment_apart_the_second_passes_no_hold_that_nobody_saw(
    held: SwapOperation,
) -> None:
    promote(held)
    at_hold(held, 40)
    with pytest.raises(NotPossibleNow) as refused:
        promote(held)
    words = str(refused.value)
    assert "left step 2 of 7 (wait until promoted)" in words
    assert "promoted by an operator" in words
    assert '"seen": {"step_index": 3}' in words
    assert weights(held.model.name) == {"1.0": 60, "1.1": 40}
    assert fresh(held).promoted_steps == 2


def test_a_promote_within_the_same_step_is_the_same_promote(held: SwapOperation) -> None:
    promote(held)
    asked = fresh(held)
    assert promote(held).generation == asked.generation
    assert promote(held, Seen(step_index=1)).generation == asked.generation
    at_hold(held, 40)
    assert AuditEntry.objects.filter(swap=held.pk, action="promote", outcome="done").count() == 3


def test_whoever_names_the_step_may_go_on_at_once(held: SwapOperation) -> None:
    promote(held, Seen(step_index=1))
    at_hold(held, 40)
    promote(held, Seen(step_index=3))
    at_hold(held, 60)
    with pytest.raises(
        NotPossibleNow, match=r"step 4 of 7 \(wait until promoted\), and it stands at step 6"
    ):
        promote(held, Seen(step_index=3))


def test_after_a_while_a_promote_means_the_hold_that_everybody_sees(held: SwapOperation) -> None:
    promote(held)
    time_passes(at_hold(held, 40), 6)
    promote(held)
    at_hold(held, 60)


def test_a_hold_that_ended_by_itself_is_passed_unseen_too(
    iris: str, swapper: ModelHotSwapper
) -> None:
    timed = {"steps": [{"setWeight": 20}, {"pause": {"duration": 0.2}}, *THREE_HOLDS["steps"][2:]]}
    swap = at_hold(swapper.swap_version(iris, "1.0", "1.1", strategy=timed), 40)
    with pytest.raises(NotPossibleNow, match="its time was over"):
        promote(swap)


def test_a_promote_of_the_last_hold_asked_twice_does_not_end_the_bake_time(
    iris: str, swapper: ModelHotSwapper
) -> None:
    one_hold = {"steps": THREE_HOLDS["steps"][:2]}
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=one_hold, keep_warm_seconds=3600)
    promote(at_hold(swap, 20))
    warm = carry_on(swap, until=waits_for("stays warm for a quick way back"))
    for full in (False, True):
        with pytest.raises(NotPossibleNow, match="and is in OldVersionDraining now"):
            apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR, full=full)
    promote(swap, Seen(generation=warm.generation))
    carry_on(swap, until=S.COMPLETED)


def test_in_full_means_every_step_whoever_saw_it(held: SwapOperation) -> None:
    promote(held)
    at_hold(held, 40)
    apply_command(held.pk, Command.PROMOTE, actor=OPERATOR, full=True)
    carry_on(held, until=S.COMPLETED)


def test_a_generation_that_is_past_is_refused_with_what_happened_since(
    held: SwapOperation,
) -> None:
    seen = Seen(generation=fresh(held).generation)
    apply_command(held.pk, Command.PAUSE, actor=ADMINISTRATOR, reason="lunch")
    for command in (Command.RESUME, Command.ROLLBACK, Command.PROMOTE):
        with pytest.raises(NotPossibleNow, match=r"pause: lunch \(an administrator, 0\.\d s ago\)"):
            apply_command(held.pk, command, actor=OPERATOR, seen=seen)
    assert fresh(held).paused
    assert SwapEvent.objects.filter(swap=held, kind="command").count() == 1


def test_a_force_meant_for_the_old_version_never_unloads_the_new_one(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    node.now(proves=False)
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=waits_for("1.0 is not yet idle"))
    swapper.rollback(swap.pk)
    carry_on(swap, until=waits_for("1.1 is not yet idle"))
    with pytest.raises(NotPossibleNow, match="you saw OldVersionDraining, and it is RollingBack"):
        apply_command(
            swap.pk,
            Command.FORCE_UNLOAD,
            actor=ADMINISTRATOR,
            seen=Seen(state=S.OLD_VERSION_DRAINING),
        )
    assert fresh(swap).forced_by == ""


def test_promotes_from_many_at_once_pass_one_hold(held: SwapOperation) -> None:
    def again(_: int) -> str:

        try:
            promote(held)
        except NotPossibleNow:
            return "refused"
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(4) as pool:
        asked = pool.map(again, range(24))
        at_hold(held, 40)
        assert "done" in set(asked)
    assert weights(held.model.name) == {"1.0": 60, "1.1": 40}


def test_a_roll_back_is_taken_back_only_by_who_says_so(iris: str, swapper: ModelHotSwapper) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(swap, until=S.COMPLETED)
    back = apply_command(swap.pk, Command.ROLLBACK, actor=OPERATOR)
    for _ in range(2):  # while it is open, and once it is over
        with pytest.raises(NotPossibleNow) as refused:
            apply_command(back.pk, Command.ROLLBACK, actor=ADMINISTRATOR)
        assert f"{iris} is rolled back already" in str(refused.value)
        assert "by an operator" in str(refused.value)
        assert "s ago" in str(refused.value)
        carry_on(back, until=S.COMPLETED)
    assert weights(iris) == {"1.0": 100}
    again = apply_command(back.pk, Command.ROLLBACK, actor=OPERATOR, of_rollback=True)
    assert (again.from_version, again.to_version) == ("1.0", "1.1")
    carry_on(again, until=S.COMPLETED)


def test_where_nothing_is_to_be_rolled_back_the_last_completed_swap_is_named(
    iris: str, swapper: ModelHotSwapper
) -> None:
    first = swapper.swap_version(iris, "1.0", "1.1")
    carry_on(first, until=S.COMPLETED)
    second = swapper.swap_version(iris, "1.1", "1.0")
    apply_command(second.pk, Command.CANCEL, actor=OPERATOR)
    carry_on(second, until=S.CANCELLED)
    with pytest.raises(NotPossibleNow) as refused:
        swapper.rollback(second.pk)
    assert f"The last completed one is 1.0 → 1.1, swap {first.pk}" in str(refused.value)
