"""Counting swaps by state costs the same however many there ever were, and is right."""

from datetime import timedelta

import pytest
from django.utils import timezone

from swaps.domain.states import SwapState
from swaps.models import SwapOperation
from swaps.readings.swap import counts as swap_counts
from swaps.readings.swap.counts import count_swaps
from tests.integration.readings.rows import a_model, a_swap

pytestmark = pytest.mark.django_db


@pytest.fixture
def _few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(swap_counts, "MANY", 2)
    monkeypatch.setattr(swap_counts, "remembered", {})


def counted(scope: frozenset[str] | None = None) -> dict[SwapState, int]:
    return {state: number for state, number in count_swaps(scope).items() if number}


@pytest.mark.usefixtures("_few_are_many")
def test_what_ended_long_ago_is_remembered_and_what_ends_now_is_added() -> None:
    iris, wine = a_model("iris"), a_model("wine")
    hour_ago = timezone.now() - timedelta(hours=1)
    for _ in range(5):
        a_swap(iris, state="Completed", end_time=hour_ago)
    assert counted() == {SwapState.COMPLETED: 5}
    a_swap(wine, state="Failed", end_time=timezone.now())
    a_swap(wine, state="Transitioning")
    expected = {SwapState.COMPLETED: 5, SwapState.FAILED: 1, SwapState.TRANSITIONING: 1}
    assert counted() == expected
    # It is remembered: those that went since are counted until the next look at all.
    SwapOperation.objects.filter(state="Completed").delete()
    assert counted() == expected
    assert counted(frozenset({"wine"})) == {SwapState.FAILED: 1, SwapState.TRANSITIONING: 1}


def test_few_swaps_are_counted_each_time() -> None:
    iris = a_model("iris")
    assert counted() == {}
    a_swap(iris, state="Completed", end_time=timezone.now() - timedelta(hours=1))
    assert counted() == {SwapState.COMPLETED: 1}
    SwapOperation.objects.all().delete()
    assert counted() == {}
