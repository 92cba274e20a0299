"""Hosts are changed and deleted by those who may, knowingly, and never under a swap's feet."""

from collections.abc import Callable
from typing import Any

import pytest

from swaps.access.roles import NotAllowed
from swaps.commands.errors import HostNotFound, InUse, InvalidRequest, Stale
from swaps.commands.hosts.edits import contents_of, delete_host, update_host
from swaps.commands.hot_swapper import ModelHotSwapper
from swaps.commands.registration import register_host
from swaps.commands.revisions import revision_of
from swaps.commands.swaps.operations import request_swap
from swaps.domain.states import SwapState
from swaps.models import AuditEntry, Cluster, ModelHost, Placement
from tests.integration.bundled_host.running import TOKEN
from tests.integration.engine.hosts import HostOfTests
from tests.integration.engine.nodes import Node
from tests.integration.engine.swapping import (
    ADMINISTRATOR,
    OPERATOR,
    PAUSED_HALF_WAY,
    a_serving_model,
    carry_on,
    register,
    waits_for,
)
from tests.integration.readings.rows import a_host, a_model, a_swap, placed

pytestmark = pytest.mark.django_db(transaction=True)


def last() -> AuditEntry:
    newest = AuditEntry.objects.first()
    assert newest is not None, "the audit log is empty"
    return newest


def seen(name: str) -> str:
    return revision_of(contents_of(ModelHost.objects.get(name=name)))


def test_a_change_is_recorded_with_both_sides_and_no_secret(alpha: HostOfTests) -> None:
    register(alpha)
    host = update_host(
        actor=ADMINISTRATOR, name="alpha", max_concurrent_loads=4, control_token="another-secret"
    )
    assert (host.max_concurrent_loads, host.control_token) == (4, "another-secret")
    entry = last()
    assert (entry.action, entry.object_name, entry.reason) == ("manage-hosts", "alpha", "changed")
    assert entry.before == {"max_concurrent_loads": 1, "control_token": "***"}
    assert entry.after == {"max_concurrent_loads": 4, "control_token": "*** (changed)"}
    for secret in (TOKEN, "another-secret"):
        assert secret not in str(list(AuditEntry.objects.values()))


def test_a_change_that_changes_nothing_is_no_change(alpha: HostOfTests) -> None:
    register(alpha)
    entries = AuditEntry.objects.count()
    update_host(actor=ADMINISTRATOR, name="alpha", url=f"{alpha.url}/", max_concurrent_loads=1)
    assert AuditEntry.objects.count() == entries


def test_another_address_is_another_server(alpha: HostOfTests, beta: HostOfTests) -> None:
    register(alpha)
    for version in ("1.0", "1.1"):
        beta.put("moved", version, like=f"iris/{version}")
    before = ModelHost.objects.get()
    placed(a_model("moved"), "0.9", before, status="available")
    host = update_host(actor=ADMINISTRATOR, name="alpha", url=beta.url, control_token=TOKEN)
    assert (host.health, host.boot_id != before.boot_id) == ("healthy", True)
    assert set(Placement.objects.values_list("version", flat=True)) == {"1.0", "1.1"}
    away = update_host(
        actor=ADMINISTRATOR, name="alpha", url="http://127.0.0.1:9", control_token=""
    )
    assert (away.health, away.boot_id) == ("unreachable", "")
    assert not Placement.objects.exists()


def test_a_stored_token_goes_along_to_no_other_address(
    alpha: HostOfTests, beta: HostOfTests
) -> None:
    register(alpha)
    with pytest.raises(InvalidRequest, match=r"was given for .* give the token for that one") as no:
        update_host(actor=ADMINISTRATOR, name="alpha", url=beta.url)
    assert no.value.field == "control_token"
    assert ModelHost.objects.get().url == alpha.url
    assert last().outcome == "refused"
    bare = update_host(actor=ADMINISTRATOR, name="alpha", url=beta.url, control_token="")
    assert (bare.url, bare.control_token) == (beta.url, "")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"boot_id": ""}, "boot_id"),
        ({"health": "healthy"}, "health"),
        ({"kind": "magic"}, "kind"),
        ({"url": "ftp://x"}, "url"),
        ({"url": "\x00"}, "url"),
        ({"control_token": None}, "control_token"),
        ({"max_concurrent_loads": 0}, "max_concurrent_loads"),
        ({"max_concurrent_loads": 10**12}, "max_concurrent_loads"),
    ],
)
def test_what_no_host_can_be_is_refused_by_its_field(changes: dict[str, Any], field: str) -> None:
    a_host("alpha")
    with pytest.raises(InvalidRequest) as refusal:
        update_host(actor=ADMINISTRATOR, name="alpha", **changes)
    assert refusal.value.field == field
    assert last().outcome == "refused"


@pytest.mark.parametrize(
    "attempt",
    [
        lambda actor: update_host(actor=actor, name="alpha", max_concurrent_loads=2),
        lambda actor: delete_host(actor=actor, name="alpha"),
    ],
)
def test_only_administrators_change_hosts(attempt: Callable[[Any], Any]) -> None:
    a_host("alpha")
    with pytest.raises(NotAllowed, match="needs the role administrator"):
        attempt(OPERATOR)
    assert ModelHost.objects.get().max_concurrent_loads == 1
    assert (last().actor, last().outcome) == ("an operator", "refused")


@pytest.mark.parametrize("name", ["nothing", "\x00", "Not a name"])
def test_what_is_not_registered_cannot_be_changed(name: str) -> None:
    with pytest.raises(HostNotFound):
        update_host(actor=ADMINISTRATOR, name=name, url="http://127.0.0.1:9")
    with pytest.raises(HostNotFound):
        delete_host(actor=ADMINISTRATOR, name=name)


def test_an_edit_of_what_was_changed_since_is_refused_and_says_what() -> None:
    a_host("alpha", control_token="one")
    viewed = seen("alpha")
    update_host(actor=ADMINISTRATOR, name="alpha", if_match=viewed, control_token="two")
    update_host(actor=ADMINISTRATOR, name="alpha", max_concurrent_loads=3)
    with pytest.raises(Stale, match="control_token, max_concurrent_loads of host alpha") as stale:
        update_host(actor=ADMINISTRATOR, name="alpha", if_match=viewed, control_token="three")
    assert stale.value.changed == ["control_token", "max_concurrent_loads"]
    with pytest.raises(Stale):
        delete_host(actor=ADMINISTRATOR, name="alpha", if_match=viewed)
    with pytest.raises(Stale, match="something of host alpha was changed"):
        delete_host(actor=ADMINISTRATOR, name="alpha", if_match="no revision at all")
    assert ModelHost.objects.get().control_token == "two"
    delete_host(actor=ADMINISTRATOR, name="alpha", if_match=seen("alpha"))
    assert not ModelHost.objects.exists()


def test_a_host_in_use_stays_where_it_is(
    alpha: HostOfTests, beta: HostOfTests, node: Node, swapper: ModelHotSwapper
) -> None:
    model = a_serving_model(alpha)
    register(beta)
    refused = rf"{model} 1.0 is to be loaded there; requests for {model} 1.0 are sent there"
    with pytest.raises(InUse, match=refused):
        delete_host(actor=ADMINISTRATOR, name="alpha")
    with pytest.raises(InUse, match="cannot be re-addressed"):
        update_host(actor=ADMINISTRATOR, name="alpha", url=beta.url)
    # What serves goes on with another credential, or another number of loads at once.
    update_host(actor=ADMINISTRATOR, name="alpha", max_concurrent_loads=2)
    beta.put(model, "1.1", like="iris/1.1")
    swap = swapper.swap_version(
        model, "1.0", "1.1", target_hosts=["beta"], strategy=PAUSED_HALF_WAY
    )
    for name in ("alpha", "beta"):
        with pytest.raises(InUse, match=rf"the swap {model} 1.0 → 1.1 is NotStarted"):
            delete_host(actor=ADMINISTRATOR, name=name)
    carry_on(swap, until=waits_for("paused until promoted"))
    with pytest.raises(InUse, match="is Transitioning"):
        delete_host(actor=ADMINISTRATOR, name="alpha")
    swapper.rollback(swap.pk)
    carry_on(swap, until=SwapState.ROLLED_BACK)
    delete_host(actor=ADMINISTRATOR, name="beta")
    assert list(ModelHost.objects.values_list("name", flat=True)) == ["alpha"]
    assert Cluster.objects.filter(retired_at=None).count() == 1
    assert (last().object_name, last().reason) == ("beta", "deleted")


def test_a_machine_that_is_gone_for_good_can_be_given_up() -> None:
    host = a_host("alpha", health="healthy")
    placed(a_model("iris"), "1.0", host, status="unknown", unload_owed=True)
    with pytest.raises(InUse, match=r"iris 1\.0 is still to be unloaded there"):
        delete_host(actor=ADMINISTRATOR, name="alpha")
    ModelHost.objects.update(health="unreachable")
    with pytest.raises(InUse, match="re-addressed"):
        update_host(actor=ADMINISTRATOR, name="alpha", url="http://127.0.0.1:9")
    delete_host(actor=ADMINISTRATOR, name="alpha")
    before = last().before
    assert before is not None
    assert before["left_behind"] == ["iris 1.0 on alpha"]


def test_a_swap_in_line_keeps_its_hosts() -> None:
    model = a_model("iris", weights={"1.0": 100})
    a_host("alpha")
    a_swap(model, queued=True, target_hosts=["alpha"])
    with pytest.raises(InUse, match=r"the swap iris 1\.0 → 1\.1 is NotStarted"):
        delete_host(actor=ADMINISTRATOR, name="alpha")


def test_a_swap_is_not_made_on_a_host_that_was_just_deleted(
    alpha: HostOfTests, beta: HostOfTests, node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleted between the question whether it has the version and the swap's commit."""
    from swaps.commands.swaps import creation as swap_creation

    model = a_serving_model(alpha)
    register(beta)
    beta.put(model, "1.1", like="iris/1.1")
    ask = swap_creation.require_version

    def ask_then_delete(*args: Any, **options: Any) -> Any:
        answer = ask(*args, **options)
        delete_host(actor=ADMINISTRATOR, name="beta")
        return answer

    monkeypatch.setattr(swap_creation, "require_version", ask_then_delete)
    with pytest.raises(InvalidRequest, match="host beta was just deleted or re-addressed"):
        request_swap(
            actor=OPERATOR,
            model_name=model,
            from_version="1.0",
            to_version="1.1",
            target_hosts=["beta"],
        )


def test_a_deleted_name_can_be_registered_again(alpha: HostOfTests) -> None:
    register(alpha)
    delete_host(actor=ADMINISTRATOR, name="alpha")
    host = register_host(
        actor=ADMINISTRATOR, name="alpha", kind="bundled", url=alpha.url, control_token=TOKEN
    )
    assert host.health == "healthy"


@pytest.mark.usefixtures("node")
def test_a_host_that_was_deleted_and_is_back_takes_versions_that_it_had_before(
    alpha: HostOfTests, beta: HostOfTests, swapper: ModelHotSwapper
) -> None:
    """It remembers the newest intent that it heard of, and whoever deleted it does not."""
    iris = a_serving_model(alpha)
    register(beta)
    for version in ("1.0", "1.1"):
        beta.put(iris, version, like=f"iris/{version}")
    carry_on(
        swapper.swap_version(iris, "1.0", "1.1", target_hosts=["beta"]), until=SwapState.COMPLETED
    )
    delete_host(actor=ADMINISTRATOR, name="alpha")
    register(alpha)
    swap = swapper.swap_version(iris, "1.1", "1.0", target_hosts=["alpha"], load_timeout_seconds=5)
    carry_on(swap, until=SwapState.COMPLETED)
    assert alpha.answers(iris, "1.0")
