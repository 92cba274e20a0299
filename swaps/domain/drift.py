"""Drift: where what a host has is not what is wanted of it. Shown, never acted upon in silence."""

from enum import StrEnum


class Drift(StrEnum):
    UNASKED = "unasked"  # loaded, though nobody asked for it: left alone
    MISSING = "missing"  # to be loaded, and not loaded: loaded again at the next look


_THERE = frozenset({"ready", "loading"})
_GONE = frozenset({"available", "absent", "failed"})


def drift_of(*, wanted: bool, seen: str, unload_owed: bool, swapped_in: bool) -> Drift | None:
    """`seen`: the host's word (swaps.models.hosts.Observed); what is unknown is no drift.

    `unload_owed`: we gave it up ourselves and it is being unloaded. `swapped_in`: an open swap
    is loading it, and says itself how that goes.
    """
    if wanted:
        return Drift.MISSING if seen in _GONE and not swapped_in else None
    return Drift.UNASKED if seen in _THERE and not unload_owed else None
