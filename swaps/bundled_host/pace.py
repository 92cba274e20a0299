"""How quick a version is, by what its inferences have cost so far.

To hand a small model's inference to a thread and back costs more than the inference. A model
that is proven quick therefore runs on the event loop itself. Any other runs in the threads of
its version, where it holds up nobody, and one that held up the loop needs a proof twice as
long as before: a model whose cost depends on its data soon finds none.
"""

# Of processor time, so that a busy machine makes no model slow. So many in a row are a proof.
QUICK_NS = 300_000
PROOF = 100
# What a larger body costs depends on the body.
QUICK_BODY_BYTES = 16 * 1024
# By the clock: to ask for processor time costs as much as a quick inference.
HELD_UP_NS = 100_000_000


class Pace:
    """Of one version, from one load to the next. Used on the event loop only."""

    def __init__(self) -> None:
        self._in_a_row = 0
        self._needed = PROOF

    def on_loop(self, body_bytes: int) -> bool:
        """Whether the next inference may run on the event loop."""
        return self._in_a_row >= self._needed and body_bytes <= QUICK_BODY_BYTES

    def ran_in_thread(self, processor_ns: int) -> None:
        self._in_a_row = self._in_a_row + 1 if processor_ns <= QUICK_NS else 0

    def ran_on_loop(self, took_ns: int) -> None:
        if took_ns > HELD_UP_NS:
            self._in_a_row = 0
            self._needed *= 2
