"""A protected model's swap begins once a second person has approved just what it froze."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from swaps.access.roles import Actor, NotAllowed, Role
from swaps.commands.errors import InUse, InvalidRequest, NotPossibleNow, Stale, SwapNotFound
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.models.edits import delete_model
from swaps.commands.models.protection import protect_model, unprotect_model
from swaps.commands.swaps.approvals import approve_swap, reject_swap
from swaps.commands.swaps.operations import apply_command, request_activation
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.advance import advance
from swaps.engine.inputs import digest_of
from swaps.models import AuditEntry, ServedModel, SwapOperation
from swaps.readings.swap.swaps import read_swap
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    a_model,
    a_serving_model,
    at_once,
    carry_on,
    fresh,
    row_of,
    time_given,
    time_passes,
    weights,
)

pytestmark = pytest.mark.django_db(transaction=True)


def a_person(name: str, role: Role = Role.OPERATOR, **more: Any) -> Actor:
    user = User.objects.get_or_create(username=name)[0]
    return Actor(name, role, "console", user_id=user.pk, **more)


def an_administrator(name: str) -> Actor:
    return a_person(name, Role.ADMINISTRATOR)


def a_protected_model(*hosts: HostOfTests, **more: Any) -> str:
    """Versions 1.0, which serves, 1.1 and 2.0."""
    model = a_serving_model(*hosts, **more)
    for host in hosts:
        host.put(model, "2.0", like="iris/1.0")
    protect_model(actor=ADMINISTRATOR, model_name=model)
    return model


def asked_by(actor: Actor, model: str, old: str = "1.0", new: str = "1.1") -> SwapOperation:
    return ModelHotSwapper(actor).swap_version(model, old, new, when_busy="queue")


def approve(swap: SwapOperation, actor: Actor, **more: Any) -> SwapOperation:
    return approve_swap(swap.pk, actor=actor, inputs_digest=digest_of(fresh(swap)), **more)


def test_it_waits_in_words_until_another_person_approves(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    swap = asked_by(a_person("olga"), model)

    advance(swap.pk)
    waiting = fresh(swap)
    assert waiting.state == SwapState.NOT_STARTED
    reading = read_swap(waiting)
    assert reading.waiting_for == ("Waits for the approval of a second person; asked for by olga.")
    assert reading.approval is not None
    assert (reading.approval.status, reading.approval.decisions) == ("waiting", [])

    approve(swap, a_person("peter"), reason="looked at the evaluation")
    done = carry_on(swap, until=SwapState.COMPLETED)
    assert weights(model) == {"1.1": 100}
    approval = read_swap(done).approval
    assert approval is not None
    assert [(one.by, one.verdict, one.counts) for one in approval.decisions] == [
        ("peter", "approved", True)
    ]
    event = done.events.get(actor="peter")
    assert event.reason == "approved: looked at the evaluation"
    entry = AuditEntry.objects.get(actor="peter", outcome="done")
    assert (entry.action, entry.swap) == ("approve", swap.pk)
    assert entry.after == {"verdict": "approved", "inputs_digest": digest_of(done)}


def test_while_nobody_approves_the_swaps_time_does_not_run(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    swap = ModelHotSwapper(a_person("olga")).swap_version(
        model, "1.0", "1.1", swap_timeout_seconds=600
    )
    time_passes(swap, 6000)
    advance(swap.pk)
    reading = read_swap(fresh(swap))
    assert reading.deadline is None
    assert (reading.waiting_for or "").startswith("Waits for the approval of a second person")
    approve(swap, a_person("peter"))
    carry_on(swap, until=SwapState.COMPLETED)
    assert time_given(swap) == timedelta(seconds=600)


def test_no_approval_counts_of_whoever_may_have_asked(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    olga, peter, maria = (a_person(name) for name in ("olga", "peter", "maria"))
    assert olga.user_id is not None
    swap = asked_by(olga, model)
    made_by_olga = a_person("peter", token_known_to=frozenset({olga.user_id}))
    nobody = Actor("a script", Role.ADMINISTRATOR, "command line")

    for actor in (olga, made_by_olga, nobody):
        with pytest.raises(NotAllowed):
            approve(swap, actor)
        with pytest.raises(NotAllowed):
            reject_swap(swap.pk, actor=actor, reason="no")
    with pytest.raises(NotAllowed, match="needs the role operator"):
        approve(swap, a_person("vera", Role.VIEWER))
    with pytest.raises(SwapNotFound):
        approve(swap, a_person("anna", models=frozenset({"another"})))
    assert fresh(swap).state == SwapState.NOT_STARTED
    assert AuditEntry.objects.filter(action="approve", outcome="refused").count() >= 4

    through_a_token_of_peter = Actor(
        "maria",
        Role.OPERATOR,
        "API",
        user_id=maria.user_id,
        token_known_to=frozenset({peter.user_id or 0}),
    )
    apply_command(swap.pk, Command.CANCEL, actor=olga)
    swap = asked_by(through_a_token_of_peter, model)
    with pytest.raises(NotAllowed):
        approve(swap, peter)
    assert fresh(approve(swap, olga)).queued is False


def test_an_approval_names_what_was_looked_at(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    swap = asked_by(a_person("olga"), model)
    seen = digest_of(fresh(swap))
    SwapOperation.objects.filter(pk=swap.pk).update(drain_timeout_seconds=1)

    with pytest.raises(Stale, match="not what you looked at"):
        approve_swap(swap.pk, actor=a_person("peter"), inputs_digest=seen)

    approve(swap, a_person("peter"))
    SwapOperation.objects.filter(pk=swap.pk).update(on_drain_timeout="force")
    advance(swap.pk)
    assert fresh(swap).state == SwapState.NOT_STARTED
    assert "not what was approved" in (read_swap(fresh(swap)).waiting_for or "")
    approve(swap, a_person("peter"))
    carry_on(swap, until=SwapState.COMPLETED)


def test_rejected_for_a_reason_it_ends_as_cancelled(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    swap = asked_by(a_person("olga"), model)
    with pytest.raises(InvalidRequest, match="say why"):
        reject_swap(swap.pk, actor=a_person("peter"), reason=" ")

    reject_swap(swap.pk, actor=a_person("peter"), reason="worse on our data")
    over = fresh(swap)
    assert (over.state, over.queued) == (SwapState.CANCELLED, False)
    assert over.end_time is not None
    approval = read_swap(over).approval
    assert approval is not None
    assert (approval.status, approval.decisions[0].reason) == ("rejected", "worse on our data")
    with pytest.raises(NotPossibleNow):
        approve(swap, a_person("maria"))

    carry_on(approved(asked_by(a_person("olga"), model, new="2.0")), until=SwapState.COMPLETED)


def approved(swap: SwapOperation) -> SwapOperation:
    return approve(swap, a_person("peter"))


def test_a_way_back_needs_no_approval_and_goes_ahead(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    olga = a_person("olga")
    first = approved(asked_by(olga, model))
    carry_on(first, until=SwapState.COMPLETED)
    unapproved = asked_by(olga, model, "1.1", "2.0")

    back = apply_command(first.pk, Command.ROLLBACK, actor=olga)
    carry_on(back, until=SwapState.COMPLETED)
    assert weights(model) == {"1.0": 100}
    assert fresh(unapproved).state == SwapState.NOT_STARTED

    apply_command(unapproved.pk, Command.CANCEL, actor=olga)
    forward_again = apply_command(back.pk, Command.ROLLBACK, actor=olga, of_rollback=True)
    assert fresh(forward_again).needs_approval
    carry_on(approved(forward_again), until=SwapState.COMPLETED)
    assert weights(model) == {"1.1": 100}


def test_behind_one_that_is_not_approved_the_line_waits(alpha: HostOfTests, node: Node) -> None:
    model = a_protected_model(alpha)
    olga = a_person("olga")
    first = asked_by(olga, model)
    second = approved(asked_by(olga, model, "1.1", "2.0"))
    assert fresh(second).queued

    approved(first)
    carry_on(first, until=SwapState.COMPLETED)
    carry_on(second, until=SwapState.COMPLETED)
    assert weights(model) == {"2.0": 100}


def test_when_the_first_is_taken_back_the_next_gets_its_turn(
    alpha: HostOfTests, node: Node
) -> None:
    model = a_protected_model(alpha)
    olga = a_person("olga")
    first = asked_by(olga, model)
    second = approved(asked_by(olga, model, "1.1", "2.0"))
    apply_command(first.pk, Command.CANCEL, actor=olga)

    assert fresh(first).state == SwapState.CANCELLED
    advance(second.pk)
    # Its source never came to serve: at its turn it says so.
    assert fresh(second).state == SwapState.FAILED


def test_protecting_holds_what_has_not_begun(alpha: HostOfTests, node: Node) -> None:
    model = a_serving_model(alpha)
    swap = asked_by(a_person("olga"), model)
    protect_model(actor=ADMINISTRATOR, model_name=model, reason="before the audit")

    advance(swap.pk)
    held = fresh(swap)
    assert (held.state, held.needs_approval, held.queued) == (SwapState.NOT_STARTED, True, True)
    carry_on(approved(swap), until=SwapState.COMPLETED)


def test_a_first_version_of_a_protected_model_waits_too(alpha: HostOfTests, node: Node) -> None:
    model = a_model(alpha)
    protect_model(actor=ADMINISTRATOR, model_name=model)
    swap = request_activation(
        actor=a_person("olga"), model_name=model, version="1.0", target_hosts=[alpha.name]
    )
    assert swap is not None
    advance(swap.pk)
    assert fresh(swap).state == SwapState.NOT_STARTED
    carry_on(approved(swap), until=SwapState.COMPLETED)


def test_unprotecting_takes_two_people(alpha: HostOfTests) -> None:
    model = a_model(alpha)
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        protect_model(actor=OPERATOR, model_name=model)
    with pytest.raises(NotPossibleNow, match="not protected"):
        unprotect_model(actor=an_administrator("ada"), model_name=model)
    protect_model(actor=ADMINISTRATOR, model_name=model)
    with pytest.raises(InUse, match="unprotect it first"):
        delete_model(actor=ADMINISTRATOR, name=model)

    for _ in range(2):
        assert unprotect_model(actor=an_administrator("ada"), model_name=model).protected
    assert row_of(model).unprotect_request.requested_by == "ada"
    with pytest.raises(NotAllowed, match="takes two people"):
        unprotect_model(actor=ADMINISTRATOR, model_name=model)

    # Taken back: the second's word is a first one again.
    protect_model(actor=an_administrator("ada"), model_name=model)
    assert unprotect_model(actor=an_administrator("grace"), model_name=model).protected
    assert not unprotect_model(actor=an_administrator("ada"), model_name=model).protected
    assert not row_of(model).protected
    delete_model(actor=ADMINISTRATOR, name=model)
    assert not ServedModel.objects.filter(name=model).exists()


def test_decisions_at_the_same_moment_do_not_wait_for_one_another(
    alpha: HostOfTests, node: Node
) -> None:
    """Each locks the line before the swap, as the engine does when one ends."""
    model = a_protected_model(alpha)
    swap = asked_by(a_person("olga"), model)
    peter, maria, olga = a_person("peter"), a_person("maria"), a_person("olga")
    outcomes = at_once(
        lambda: approve(swap, peter),
        lambda: reject_swap(swap.pk, actor=maria, reason="no"),
        lambda: apply_command(swap.pk, Command.CANCEL, actor=olga),
        lambda: advance(swap.pk),
    )
    unexpected = [
        one
        for one in outcomes
        if isinstance(one, Exception) and not isinstance(one, NotPossibleNow)
    ]
    assert not unexpected
    if fresh(swap).state not in {SwapState.CANCELLED}:
        carry_on(swap, until=lambda seen: seen.state == SwapState.CANCELLED)
    assert weights(model) == {"1.0": 100}
