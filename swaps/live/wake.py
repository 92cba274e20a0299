"""Wake-ups: ask a worker to look at a swap now. A lost one is found by the sweep."""

import logging
import threading
import uuid
from collections.abc import Iterable

from celery import current_app
from django.db.models import Q
from django.db.models.functions import Now
from kombu.exceptions import OperationalError

from swaps.domain.states import END_STATES
from swaps.models import SwapOperation

log = logging.getLogger(__name__)


def wake_swap(swap_id: uuid.UUID) -> None:
    """To be called after the commit. Valkey away is no error: the swap is found later."""
    try:
        # By name: the router process wakes the engine without importing it.
        current_app.send_task("swaps.advance", [str(swap_id)])
    except OperationalError as error:
        log.warning("wake-up of swap %s not sent, the sweep will find it: %s", swap_id, error)


def open_the_way() -> None:
    """For a process that starts: the first wake-up it sends should not have to connect.

    Returns at once. What it sends is a sweep, which finds what came due meanwhile.
    """

    def ask() -> None:
        try:
            current_app.send_task("swaps.sweep")
        except OperationalError as error:
            log.info("no way to the broker yet: %s", error)

    threading.Thread(target=ask, name="open-the-way", daemon=True).start()


def wake_swaps_of(model_ids: Iterable[int]) -> None:
    """Wake the open swaps of these models, but for those a worker attends right now."""
    open_swaps = SwapOperation.objects.filter(
        Q(attended_until=None) | Q(attended_until__lt=Now()), model__in=set(model_ids), queued=False
    ).exclude(state__in=END_STATES)
    for swap_id in open_swaps.values_list("pk", flat=True):
        wake_swap(swap_id)
