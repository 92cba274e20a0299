"""Refusals are recorded one by one, a flood of them in aggregate, and none is lost."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import F

from swaps.access.roles import Actor, Role
from swaps.audit.refusals import RECORDED_WHOLE, end_floods, record_refusal
from swaps.models import AuditEntry, RefusalFlood

VERA = Actor("vera", Role.VIEWER, "API", "192.0.2.7", request_id="r-1", token="hs_abcdefgh")
STRANGER = Actor("", None, "API", "2001:db8::1")


def refuse(
    actor: Actor = VERA, action: str = "swap", code: str = "forbidden", name: str = "iris"
) -> None:
    record_refusal(
        actor=actor,
        action=action,
        object_kind="model",
        object_name=name,
        reason=f"{actor.name} may not {action} {name}",
        code=code,
    )


def a_minute_later() -> None:
    past = F("began_at") - timedelta(seconds=61)
    RefusalFlood.objects.update(began_at=past, last_at=F("last_at") - timedelta(seconds=61))


@pytest.mark.django_db
def test_the_first_ones_of_a_minute_are_whole_rows() -> None:
    for number in range(RECORDED_WHOLE):
        refuse(name=f"m{number}")
    rows = AuditEntry.objects.order_by("id")
    assert [row.object_name for row in rows] == ["m0", "m1", "m2", "m3", "m4"]
    row = rows[0]
    assert (row.actor, row.role, row.source, row.token) == ("vera", "viewer", "API", "hs_abcdefgh")
    assert (row.address, row.request_id, row.outcome) == ("192.0.2.7", "r-1", "refused")
    assert row.reason == "vera may not swap m0"


@pytest.mark.django_db
def test_the_others_are_counted_and_told_of_once_when_the_minute_is_over() -> None:
    for number in range(1000):
        refuse(STRANGER, action="authenticate", code="unauthorized", name=f"attempt {number}")
    assert AuditEntry.objects.count() == RECORDED_WHOLE
    end_floods()
    assert AuditEntry.objects.count() == RECORDED_WHOLE  # the minute is not over
    a_minute_later()
    end_floods()
    end_floods()
    summary = AuditEntry.objects.get(after__times=1000 - RECORDED_WHOLE)
    assert (summary.action, summary.outcome) == ("authenticate", "refused")
    assert (summary.address, summary.object_name) == ("2001:db8::1", "attempt 999")
    assert summary.reason.startswith("refused 995 more times between ")
    assert AuditEntry.objects.count() == RECORDED_WHOLE + 1
    assert not RefusalFlood.objects.exists()


@pytest.mark.django_db
def test_the_next_refusal_tells_of_the_minute_before_it_and_begins_its_own() -> None:
    for _ in range(RECORDED_WHOLE + 2):
        refuse()
    a_minute_later()
    refuse()
    newest, summary = AuditEntry.objects.order_by("-id")[:2]
    assert newest.after is None
    assert summary.after is not None
    assert summary.after["times"] == 2


@pytest.mark.django_db
def test_few_refusals_leave_no_summary() -> None:
    refuse()
    a_minute_later()
    end_floods()
    assert AuditEntry.objects.count() == 1


@pytest.mark.django_db
def test_another_actor_address_action_or_kind_is_not_part_of_the_flood() -> None:
    for _ in range(RECORDED_WHOLE + 5):
        refuse()
    others = [
        lambda: refuse(Actor("olga", Role.VIEWER, "API", "192.0.2.7")),
        lambda: refuse(Actor("vera", Role.VIEWER, "API", "192.0.2.8")),
        lambda: refuse(Actor("vera", Role.VIEWER, "console", "192.0.2.7")),
        lambda: refuse(action="rollback"),
        lambda: refuse(code="model-not-found"),
    ]
    for number, other in enumerate(others, start=1):
        other()
        assert AuditEntry.objects.count() == RECORDED_WHOLE + number


@pytest.mark.django_db
def test_what_no_row_can_hold_is_recorded_all_the_same() -> None:
    refuse(Actor("a\x00" * 200, None, "console", "/run/daphne.sock"), name="x" * 300)
    row = AuditEntry.objects.get()
    assert (len(row.actor), row.address, len(row.object_name)) == (150, None, 200)


@pytest.mark.django_db(transaction=True)
def test_refusals_at_the_same_moment_are_all_counted() -> None:
    def many(_: int) -> None:
        for _ in range(10):
            refuse()
        connection.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(many, range(4)))
    assert RefusalFlood.objects.get().times == 40
    assert AuditEntry.objects.count() == RECORDED_WHOLE
