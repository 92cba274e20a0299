"""The rows are those of a backup; hosts remember what came after it."""

from io import StringIO

import pytest
from django.core.management import call_command

from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.swaps.operations import apply_command
from swaps.domain.commands import Command
from swaps.domain.states import SwapState
from swaps.engine.hosts.rounds import reconcile
from swaps.models import AuditEntry, Placement
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Nodes
from tests.integration.engine.swapping import (
    OPERATOR,
    a_serving_model,
    carry_on,
    placement,
    waits_for,
    weights,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("node")]

S = SwapState


def test_hosts_that_remember_more_than_the_rows_say_so_and_are_told_anew(
    alpha: HostOfTests, nodes: Nodes, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    backup = {one.pk: one.fence for one in Placement.objects.filter(model__name=model)}
    carry_on(swapper.swap_version(model, "1.0", "1.1"), until=S.COMPLETED)
    carry_on(swapper.swap_version(model, "1.1", "1.0"), until=S.COMPLETED)
    for pk, fence in backup.items():
        Placement.objects.filter(pk=pk).update(fence=fence)

    swap = swapper.swap_version(model, "1.0", "1.1")
    carry_on(swap, until=waits_for("restored from a backup"))
    assert alpha.state(model, "1.1") == "available"

    output = StringIO()
    call_command("after_restore", stdout=output)
    assert "2 versions" in output.getvalue()
    nodes.reconnect()
    carry_on(swap, until=waits_for("then promote"))
    assert alpha.state(model, "1.0") == "ready"
    apply_command(swap.pk, Command.PROMOTE, actor=OPERATOR)
    carry_on(swap, until=S.COMPLETED)
    assert weights(model) == {"1.1": 100}
    assert (alpha.state(model, "1.0"), alpha.state(model, "1.1")) == ("available", "ready")
    entry = AuditEntry.objects.filter(object_name="all fences").get()
    assert (entry.source, entry.outcome) == ("command line", "done")
    assert entry.after == {"fences": 2, "unloads_given_up": 0, "swaps_held": 1}


def test_what_was_never_wanted_stays_as_it_is(alpha: HostOfTests) -> None:
    model = a_serving_model(alpha)
    reconcile()
    call_command("after_restore", stdout=StringIO())
    assert placement(model, "1.1", alpha).fence == 0
