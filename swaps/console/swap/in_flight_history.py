"""What was in flight during the last minute, for the swaps somebody watched. In memory only.

A new process begins with an empty chart; the numbers beside it are never from here.
"""

import threading
import uuid
from collections import OrderedDict

from swaps.console.shared.charts import WINDOW_SECONDS, Sample

MOST_SWAPS = 64

_lock = threading.Lock()
_samples: OrderedDict[uuid.UUID, tuple[Sample, ...]] = OrderedDict()


def keep_sample(swap_id: uuid.UUID, sample: Sample) -> tuple[Sample, ...]:
    """Adds one and returns the last minute, oldest first."""
    with _lock:
        kept = _samples.pop(swap_id, ())
        kept = (*(s for s in kept if sample.at - s.at <= WINDOW_SECONDS + 1), sample)
        _samples[swap_id] = kept
        while len(_samples) > MOST_SWAPS:
            _samples.popitem(last=False)
        return kept


def samples_of(swap_id: uuid.UUID) -> tuple[Sample, ...]:
    with _lock:
        return _samples.get(swap_id, ())
