"""A swap's kept samples, for its charts: read once a second, however many look."""

import threading
import time
import uuid
from collections import OrderedDict

from swaps.domain.states import END_STATES
from swaps.models import SwapOperation
from swaps.readings.swap.traffic_record import TrafficRecord, read_traffic_record

# A sample is taken once a second at most.
READ_SECONDS = 1.0
MOST_SWAPS = 64

_lock = threading.Lock()
_kept: OrderedDict[uuid.UUID, tuple[float, TrafficRecord]] = OrderedDict()


def life_of(swap: SwapOperation) -> TrafficRecord:
    """Of what is over it is read each time: its last samples come after its end."""
    if swap.state in END_STATES:
        return read_traffic_record(swap)
    now = time.monotonic()
    with _lock:
        read_at, record = _kept.get(swap.pk, (0.0, None))
    if record is not None and now - read_at < READ_SECONDS:
        return record
    record = read_traffic_record(swap)
    with _lock:
        _kept[swap.pk] = (now, record)
        _kept.move_to_end(swap.pk)
        while len(_kept) > MOST_SWAPS:
            _kept.popitem(last=False)
    return record
