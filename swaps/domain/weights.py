"""The strategy's weights as routes."""

from swaps.domain.decisions import RouteChange
from swaps.domain.snapshot import Snapshot


def weights_for(s: Snapshot, index: int) -> tuple[RouteChange, int, str]:
    """The route for the first weight at or after `index`, the step after it, and a sentence.

    At 100 % the old version's pinned path goes with its weight, and its drain is watched
    from that very revision: a pinned path that outlived the weight would defeat the proof.
    """
    while (percent := s.steps[index].weight) is None:  # a strategy ends with a weight of 100
        index += 1
    if percent == 100 or s.from_version is None:
        route = RouteChange(
            {s.to_version: 100},
            frozenset({s.to_version}),
            gone=s.from_version,
            watch=s.from_version,
        )
        return route, len(s.steps), f"100 % → {s.to_version}"
    both = frozenset({s.from_version, s.to_version})
    weights = {s.from_version: 100 - percent, s.to_version: percent}
    return RouteChange(weights, both), index + 1, f"{percent} % → {s.to_version}"


def held_weight(s: Snapshot) -> tuple[RouteChange, str]:
    """The route of the last weight before the present step, and a sentence."""
    held = [index for index in range(s.step_index) if s.steps[index].weight is not None]
    route, _, reason = weights_for(s, held[-1])
    return route, reason
