"""Who did, or tried to do, what: every command and every refusal leaves a row for good."""

import uuid
from collections.abc import Callable

import pytest
from django.db import DatabaseError, transaction

from swaps.access.roles import NotAllowed
from swaps.commands.errors import NotPossibleNow, SwapNotFound, SwapRefused, VersionNotFound
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.registration import register_host, register_model
from swaps.commands.swaps.operations import apply_command, release_queue, request_activation
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.models import AuditEntry, SwapOperation
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    VIEWER,
    a_serving_model,
    carry_on,
    fresh,
    waits_for,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)

S = SwapState


@pytest.fixture
def iris(alpha: HostOfTests, node: Node) -> str:
    return a_serving_model(alpha)


def last() -> AuditEntry:
    newest = AuditEntry.objects.first()
    assert newest is not None, "the audit log is empty"
    return newest


def test_a_request_is_recorded_with_its_actor_and_what_was_asked(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", reason="fewer mistakes")
    row = last()
    assert (row.actor, row.role, row.source) == ("an operator", "operator", "API")
    assert (row.action, row.outcome, row.swap) == ("swap", "done", swap.pk)
    assert (row.object_kind, row.object_name, row.reason) == ("model", iris, "fewer mistakes")
    assert row.after is not None
    assert row.after["swap"] == "1.0 → 1.1"


@pytest.mark.parametrize(
    "command", [Command.PAUSE, Command.RESUME, Command.PROMOTE, Command.ROLLBACK]
)
def test_a_command_is_recorded_with_its_actor_and_reason(
    command: Command, iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    apply_command(swap.pk, command, actor=ADMINISTRATOR, reason="because")
    row = last()
    assert (row.actor, row.role, row.address) == ("an administrator", "administrator", "127.0.0.1")
    assert (row.action, row.outcome, row.swap, row.reason) == (command, "done", swap.pk, "because")
    assert row.before == {"state": S.TRANSITIONING}


def test_a_rollback_that_is_under_way_is_recorded_though_it_changes_nothing(
    iris: str, node: Node, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1", strategy=PAUSED_HALF_WAY)
    carry_on(swap, until=waits_for("paused until promoted"))
    node.now(proves=False)
    swapper.rollback(swap.pk)
    carry_on(swap, until=waits_for("1.1 is not yet idle"))
    apply_command(swap.pk, Command.ROLLBACK, actor=ADMINISTRATOR)
    row = last()
    assert (row.actor, row.action, row.outcome) == ("an administrator", "rollback", "done")
    assert row.before == {"state": S.ROLLING_BACK}


def test_a_refused_request_is_recorded_though_nothing_was_made(
    iris: str, swapper: ModelHotSwapper
) -> None:
    with pytest.raises(VersionNotFound):
        swapper.swap_version(iris, "1.0", "9.9")
    row = last()
    assert (row.actor, row.action, row.outcome) == ("an operator", "swap", "refused")
    assert row.object_name == iris
    assert "9.9 is not on alpha" in row.reason
    assert not SwapOperation.objects.filter(to_version="9.9").exists()


def test_a_refused_command_is_recorded_though_its_transaction_is_gone(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    with pytest.raises(NotPossibleNow):
        apply_command(swap.pk, Command.PAUSE, actor=OPERATOR)
    row = last()
    assert (row.action, row.outcome) == ("pause", "refused")
    assert row.object_name == str(swap.pk)
    assert "pause is not possible in NotStarted" in row.reason
    assert fresh(swap).generation == 0


Attempt = Callable[[str, SwapOperation], object]


BEYOND_A_VIEWER: list[tuple[str, Attempt]] = [
    ("swap", lambda m, s: ModelHotSwapper(VIEWER).swap_version(m, "1.0", "1.1")),
    ("rollback", lambda m, s: ModelHotSwapper(VIEWER).rollback(s.pk)),
    ("cancel", lambda m, s: apply_command(s.pk, Command.CANCEL, actor=VIEWER)),
    ("force-unload", lambda m, s: apply_command(s.pk, Command.FORCE_UNLOAD, actor=VIEWER)),
    ("activate", lambda m, s: request_activation(actor=VIEWER, model_name=m, version="1.0")),
    ("release-queue", lambda m, s: release_queue(actor=VIEWER, model_name=m)),
    (
        "manage-hosts",
        lambda m, s: register_host(actor=VIEWER, name="x", kind="bundled", url="http://h:1"),
    ),
    ("manage-models", lambda m, s: register_model(actor=VIEWER, name="another")),
]


def test_what_a_role_does_not_include_is_refused_and_recorded(
    iris: str, swapper: ModelHotSwapper
) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    for action, attempt in BEYOND_A_VIEWER:
        with pytest.raises(NotAllowed):
            attempt(iris, swap)
        row = last()
        assert (row.actor, row.role) == ("a viewer", "viewer")
        assert (row.action, row.outcome) == (action, "refused")
        assert "may not" in row.reason
    assert fresh(swap).generation == 0


def test_force_is_for_administrators_in_a_request_too(iris: str, swapper: ModelHotSwapper) -> None:
    with pytest.raises(NotAllowed):
        swapper.swap_version(iris, "1.0", "1.1", on_drain_timeout="force")
    assert last().outcome == "refused"


IMPOSSIBLE: list[Attempt] = [
    lambda m, s: ModelHotSwapper(OPERATOR).swap_version("nobody", "1.0", "1.1"),
    lambda m, s: ModelHotSwapper(OPERATOR).swap_version(m, "1.0", "1.0"),
    lambda m, s: ModelHotSwapper(OPERATOR).swap_version(m, "1.0", "1.1", strategy="sideways"),
    lambda m, s: apply_command(s.pk, Command.EXTEND_DRAIN, actor=OPERATOR, seconds=10**9),
    lambda m, s: release_queue(actor=OPERATOR, model_name=m),
    # An activation has no version to go back to.
    lambda m, s: ModelHotSwapper(OPERATOR).rollback(
        SwapOperation.objects.get(model__name=m, from_version=None).pk
    ),
]


def test_every_refusal_is_recorded(iris: str, swapper: ModelHotSwapper) -> None:
    swap = swapper.swap_version(iris, "1.0", "1.1")
    for attempt in IMPOSSIBLE:
        before = AuditEntry.objects.count()
        with pytest.raises(SwapRefused) as refusal:
            attempt(iris, swap)
        assert AuditEntry.objects.count() == before + 1
        assert (last().outcome, last().reason) == ("refused", str(refusal.value))


def test_a_command_for_a_swap_that_does_not_exist_is_recorded(node: Node) -> None:
    no_swap = uuid.uuid4()
    with pytest.raises(SwapNotFound):
        apply_command(no_swap, Command.CANCEL, actor=OPERATOR)
    assert (last().object_name, last().outcome) == (str(no_swap), "refused")


def test_no_credential_is_in_the_audit_log(iris: str) -> None:
    rows = AuditEntry.objects.values_list("reason", "before", "after")
    assert AuditEntry.objects.filter(action="manage-hosts").exists()
    assert TOKEN not in str(list(rows))


def test_an_audit_row_can_be_neither_changed_nor_deleted(iris: str) -> None:
    row = last()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.filter(pk=row.pk).update(actor="somebody else")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        AuditEntry.objects.filter(pk=row.pk).delete()
    assert last().actor == row.actor
    assert weights(iris) == {"1.0": 100}
