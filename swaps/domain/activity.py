"""Which versions of a model are active: ready, and with traffic that may reach them.

Holding weight is enough. Without weight a version is active while its swap may still send
traffic to it: the old one until the point of no return, and in a roll back the new one,
which may be rolled forward to.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from swaps.domain.states import ENTRIES, SwapState


@dataclass(frozen=True, slots=True)
class Undecided:
    """What of a swap bears on it."""

    from_version: str | None
    to_version: str
    state: SwapState
    routed: bool  # it wrote a route revision: until then the new version never had weight
    past_return: bool

    @property
    def may_turn(self) -> bool:
        return ENTRIES[self.state].traffic_may_turn and self.routed and not self.past_return


def active_versions(
    weights: Mapping[str, int], ready: Collection[str], swaps: Iterable[Undecided]
) -> set[str]:
    """`ready`: the versions from which a host's present boot has answered a real inference."""
    reachable: set[str | None] = {version for version, percent in weights.items() if percent}
    for swap in swaps:
        if swap.may_turn:
            reachable |= {swap.from_version, swap.to_version}
    return {version for version in ready if version in reachable}
