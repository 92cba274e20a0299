"""How many swaps are in each state, at a cost that does not grow with all that ever were."""

import threading
import time
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.db.models.functions import Now

from swaps.access.roles import Scope
from swaps.domain.states import END_STATES, SwapState
from swaps.models import SwapOperation

# Fewer are counted quicker than they are remembered.
MANY = 10_000
# An end is committed a little after the moment that it has: what is younger is counted anew.
_SETTLED = timedelta(minutes=1)
# What was forgotten or deleted meanwhile is taken off by then.
_REMEMBERED_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class _Ended:
    """Counts of what ended before `until`; an end is never undone."""

    counts: dict[str, int]
    until: datetime
    read_at: float


_lock = threading.Lock()
remembered: dict[frozenset[str] | None, _Ended] = {}


def count_swaps(scope: Scope = None) -> dict[SwapState, int]:
    """Every state, also those of no swap. `scope`: of these models alone; None: of all."""
    within = Q() if scope is None else Q(model__name__in=scope)
    counts = _by_state(within & ~Q(state__in=END_STATES))
    key = None if scope is None else frozenset(scope)
    before = remembered.get(key)
    if before is None or time.monotonic() - before.read_at > _REMEMBERED_SECONDS:
        before = _remember(key, within)
    since = Q() if before is None else Q(end_time__gte=before.until)
    ended = _by_state(within & Q(end_time__isnull=False) & since)
    known = before.counts if before is not None else {}
    return {
        state: counts.get(state.value, 0) + ended.get(state.value, 0) + known.get(state.value, 0)
        for state in SwapState
    }


def _remember(key: frozenset[str] | None, within: Q) -> _Ended | None:
    """One reads, the others meanwhile by what was."""
    with _lock:
        before = remembered.get(key)
        if before is not None and time.monotonic() - before.read_at <= _REMEMBERED_SECONDS:
            return before
        until = SwapOperation.objects.order_by().values_list(Now() - _SETTLED)[:1].first()
        if until is None:
            return None
        settled = within & Q(end_time__lt=until[0])
        if not SwapOperation.objects.filter(settled).order_by()[MANY : MANY + 1].exists():
            return None
        if len(remembered) > MANY:
            remembered.clear()
        remembered[key] = now = _Ended(_by_state(settled), until[0], time.monotonic())
        return now


def _by_state(which: Q) -> dict[str, int]:
    found = SwapOperation.objects.filter(which).order_by().values_list("state")
    return dict(found.annotate(Count("pk")))
