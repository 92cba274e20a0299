"""What is wrong with Hotswap's own parts is said where people look."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from swaps.models import PeriodicDuty, ProcessHeartbeat
from swaps.readings.overview.concerns import Kind, read_concerns
from swaps.readings.overview.service_health import Part, ServiceHealth, read_service_health
from swaps.readings.swap.swaps import read_swap
from tests.integration.readings.rows import a_model, a_swap, a_worker

pytestmark = pytest.mark.django_db

AGO = timedelta(minutes=1)


def sentence_of(health: ServiceHealth, part: Part) -> str:
    return " ".join(one.reason for one in health.findings() if one.part is part)


def silent_since(one: ProcessHeartbeat, ago: timedelta) -> None:
    ProcessHeartbeat.objects.filter(pk=one.pk).update(beat_at=timezone.now() - ago)


def test_all_well_is_silence() -> None:
    a_worker()
    PeriodicDuty.objects.create(name="sweep", done_at=timezone.now())
    assert read_service_health().findings() == []


def test_that_no_worker_runs_is_grave_and_since_when() -> None:
    silent_since(a_worker(), AGO)
    found = read_service_health().findings()
    assert [(one.part, one.grave) for one in found] == [(Part.WORKERS, True)]
    assert "worker-1@tests" in found[0].reason
    concerns = read_concerns([], timezone.now())
    assert [one.kind for one in concerns] == [Kind.SERVICE_DOWN]


def test_one_that_fell_silent_beside_another_is_named_for_a_while() -> None:
    a_worker("worker-1@tests")
    lost = a_worker("worker-2@tests")
    silent_since(lost, AGO)
    found = read_service_health().findings()
    assert [one.grave for one in found] == [False]
    assert "worker-2@tests" in found[0].reason
    silent_since(lost, timedelta(hours=1))
    assert read_service_health().findings() == []


def test_a_worker_whose_sweeps_fail_is_told_of() -> None:
    a_worker()
    PeriodicDuty.objects.create(name="sweep", done_at=timezone.now() - AGO)
    assert "were last looked for" in sentence_of(read_service_health(), Part.WORKERS)


def test_what_a_worker_cannot_do_is_said_in_its_words() -> None:
    a_worker(trouble="Postgres refused what it wrote: No space left on device")
    assert "No space left on device" in sentence_of(read_service_health(), Part.WORKERS)


def test_clocks_that_differ_from_postgres_are_named() -> None:
    a_worker(clock_ahead_seconds=300.0)
    words = sentence_of(read_service_health(), Part.CLOCKS)
    assert "worker-1@tests is 300 s ahead of Postgres'" in words
    health = read_service_health()
    behind = replace(health, postgres=replace(health.postgres, clock_ahead_seconds=-300.0))
    assert "this console is 300 s behind Postgres'" in sentence_of(behind, Part.CLOCKS)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"notify_queue": 0.9}, "NOTIFY queue of Postgres is full to 90%"),
        ({"idle_limit_ms": 0, "idle_limit_asked": False}, "a pooler drops"),
    ],
)
def test_a_postgres_that_is_not_as_it_should_be(facts: dict[str, object], words: str) -> None:
    health = read_service_health()
    worse = replace(health, postgres=replace(health.postgres, **facts))  # type: ignore[arg-type]
    assert words not in sentence_of(health, Part.POSTGRES)
    assert words in sentence_of(worse, Part.POSTGRES)


def test_a_valkey_that_is_away_makes_nothing_stand() -> None:
    a_worker()
    away = replace(read_service_health(), valkey="no answer within 0.5 s")
    assert [(one.part, one.grave) for one in away.findings()] == [(Part.VALKEY, False)]


def test_a_swap_that_no_worker_looks_at_says_since_when() -> None:
    model = a_model(weights={"1.0": 100})
    due = timezone.now() - AGO
    swap = a_swap(model, state="NotStarted", next_check_at=due)
    words = read_swap(swap).waiting_for
    assert words is not None
    assert f"No worker has looked at it since {due:%H:%M:%S} UTC" in words
