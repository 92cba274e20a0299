"""One thread at a swap in each worker process: who comes second tells the first to look again.

Acks, proofs, commands and the sweep all wake a swap, often within milliseconds. Were each to
work at it by itself, they would compute the same decision side by side, on the same cores,
only to find that one of them was first. Correctness does not rest on it: workers of other
processes, and threads held up at a host, are told apart by the compare-and-swap in the rows.
"""

import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

# Who is longer at one step waits for a host. It holds up nobody: others go on beside it, to
# cancel for example. A wake-up that came in its first moments is found by the sweep.
QUICK_STEP_SECONDS = 0.25


class WorkItem:
    """`woken` is set when there is reason to look again."""

    def __init__(self, swap_id: uuid.UUID) -> None:
        self.swap_id = swap_id
        self.woken = threading.Event()
        self._step_began_at: float | None = None

    @contextmanager
    def at_a_step(self) -> Iterator[None]:
        self._step_began_at = time.monotonic()
        try:
            yield
        finally:
            self._step_began_at = None

    def held_up(self) -> bool:
        began_at = self._step_began_at
        return began_at is not None and time.monotonic() - began_at > QUICK_STEP_SECONDS

    def over(self) -> bool:
        """End it, unless somebody has told it to look again since it cleared `woken`."""
        with _lock:
            if self.woken.is_set():
                return False
            _forget(self)
            return True


_lock = threading.Lock()
_at_work: dict[uuid.UUID, WorkItem] = {}


@contextmanager
def work_on(swap_id: uuid.UUID) -> Iterator[WorkItem | None]:
    """The only work at this swap; None when another is at it, which was told to look again."""
    mine = WorkItem(swap_id)
    with _lock:
        other = _at_work.setdefault(swap_id, mine)
        if other is not mine and other.held_up():
            _at_work[swap_id] = other = mine
        other.woken.set()
    if other is not mine:
        yield None
        return
    try:
        yield mine
    finally:
        with _lock:
            _forget(mine)


def _forget(work: WorkItem) -> None:
    if _at_work.get(work.swap_id) is work:
        del _at_work[work.swap_id]
