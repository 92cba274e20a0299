"""How many requests a node answers a second, from its counters. No network, no clock."""

from collections import deque
from collections.abc import Mapping

from swaps.live.gauges import ClusterGauges, counts_of

WINDOW_SECONDS = 5.0
# Less than this says nothing yet.
SHORTEST_SECONDS = 1.0


class AnswerRate:
    """Over the last seconds, on all clusters of one stream."""

    def __init__(self) -> None:
        self._before: dict[str, int] | None = None
        self._answered = 0
        self._looks: deque[tuple[float, int]] = deque()

    def see(self, gauges: Mapping[str, ClusterGauges], now: float) -> None:
        """`now`: seconds, of a clock that never goes back."""
        counts = {name: counts_of(one)[0] for name, one in gauges.items()}
        # Counters are those since the node started: of the first look they say nothing. A cluster
        # that comes later begins at none; of one that was removed no more is heard.
        if self._before is not None:
            self._answered += sum(
                max(0, answered - self._before.get(name, 0)) for name, answered in counts.items()
            )
        self._before = counts
        self._looks.append((now, self._answered))
        while len(self._looks) > 2 and now - self._looks[1][0] >= WINDOW_SECONDS:
            self._looks.popleft()

    def per_second(self) -> float | None:
        """None when it was not looked at for long enough."""
        if not self._looks:
            return None
        (began, first), (ended, last) = self._looks[0], self._looks[-1]
        if ended - began < SHORTEST_SECONDS:
            return None
        return round((last - first) / (ended - began), 1)
