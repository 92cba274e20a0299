"""Which inferences may run on the event loop."""

from swaps.bundled_host.pace import HELD_UP_NS, PROOF, QUICK_BODY_BYTES, QUICK_NS, Pace


def proven() -> Pace:
    pace = Pace()
    for _ in range(PROOF):
        pace.ran_in_thread(QUICK_NS)
    return pace


def test_nobody_is_taken_for_quick_without_a_proof() -> None:
    pace = Pace()
    for _ in range(PROOF - 1):
        pace.ran_in_thread(QUICK_NS)
    assert not pace.on_loop(10)
    pace.ran_in_thread(QUICK_NS)
    assert pace.on_loop(10)


def test_one_that_took_long_begins_the_proof_anew() -> None:
    pace = Pace()
    for took in [QUICK_NS] * (PROOF - 1) + [QUICK_NS + 1] + [QUICK_NS] * (PROOF - 1):
        pace.ran_in_thread(took)
    assert not pace.on_loop(10)


def test_a_large_body_proves_nothing_and_runs_in_a_thread() -> None:
    assert proven().on_loop(QUICK_BODY_BYTES)
    assert not proven().on_loop(QUICK_BODY_BYTES + 1)


def test_who_held_up_the_loop_needs_twice_the_proof() -> None:
    pace = proven()
    pace.ran_on_loop(HELD_UP_NS)
    assert pace.on_loop(10), "up to the limit it holds up nobody"
    pace.ran_on_loop(HELD_UP_NS + 1)
    for _ in range(2 * PROOF - 1):
        pace.ran_in_thread(QUICK_NS)
        assert not pace.on_loop(10)
    pace.ran_in_thread(QUICK_NS)
    assert pace.on_loop(10)
