"""When the time of what a swap does is up. Asked by the engine and by whoever shows it."""

from datetime import datetime, timedelta

from swaps.domain.states import SwapState


def load_deadline(
    state: SwapState,
    *,
    state_entered_at: datetime | None,
    reloading_since: datetime | None,
    timeout: timedelta,
) -> datetime | None:
    """Of the load that goes on: the first one, or that of a version lost with its hosts."""
    loads = state is SwapState.LOADING_NEW_VERSION
    since = state_entered_at if loads else reloading_since
    return since and since + timeout


def apply_deadline(revision_at: datetime | None, *, timeout: timedelta) -> datetime | None:
    """Of a node that could know of the swap's last revision at once."""
    return revision_at and revision_at + timeout
