"""The drain proof, flush by flush."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from swaps.domain.drain_proof import (
    FLUSHES_NEEDED,
    ClusterInFlight,
    Flush,
    Progress,
    Question,
    observe,
)

OLD, NEW, NEWER = 1.0, 2.0, 3.0
AFTER_THE_ROUTE = Question("hs_1", "rt_1", frozenset({NEW}))
JUST_IDLE = Question("hs_1", "rt_1", frozenset({NEW}), until_seen=True)
IDLE = ClusterInFlight(active=0, pending=0, membership_total=1)
BUSY = ClusterInFlight(active=2, pending=0, membership_total=1)
QUEUED = ClusterInFlight(active=0, pending=1, membership_total=1)
NEVER_USED = ClusterInFlight(active=None, pending=None, membership_total=1)
NOT_COVERED = ClusterInFlight(active=None, pending=None, membership_total=None)


def a_flush(cluster: ClusterInFlight | None = IDLE, marker: float | None = NEW) -> Flush:
    return Flush(
        markers={} if marker is None else {"rt_1": marker},
        clusters={} if cluster is None else {"hs_1": cluster},
    )


def after(*flushes: Flush, question: Question = AFTER_THE_ROUTE) -> Progress:
    progress = Progress()
    for flush in flushes:
        progress = observe(question, progress, flush)
    return progress


def test_the_marker_and_two_idle_flushes_behind_it_are_the_proof() -> None:
    proof = after(a_flush(marker=OLD), a_flush(), a_flush(), a_flush())
    assert proof.proven
    assert proof.flushes == 4
    assert proof.waiting_for == ""


def test_the_flush_that_shows_the_marker_does_not_count_itself() -> None:
    assert not after(a_flush(), a_flush()).proven


def test_idle_flushes_before_the_marker_count_nothing() -> None:
    early = [a_flush(marker=OLD)] * 10
    assert not after(*early, a_flush(), a_flush()).proven
    assert after(*early).waiting_for == "it has not taken this revision of rt_1 yet"


def test_a_request_between_two_idle_flushes_starts_the_count_again() -> None:
    assert not after(a_flush(), a_flush(), a_flush(BUSY), a_flush()).proven
    assert after(a_flush(), a_flush(), a_flush(BUSY), a_flush(), a_flush()).proven


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        (BUSY, "2 requests still in flight"),
        (QUEUED, "1 request still in flight"),
        (NOT_COVERED, "its metrics do not cover hs_1: unknown is not zero"),
        (None, "its metrics do not cover hs_1: unknown is not zero"),
    ],
)
def test_says_what_it_waits_for(cluster: ClusterInFlight | None, sentence: str) -> None:
    progress = after(a_flush(), *[a_flush(cluster)] * 5)
    assert not progress.proven
    assert progress.waiting_for == sentence


def test_a_gauge_never_touched_is_zero_when_the_flush_covers_the_cluster() -> None:
    assert after(a_flush(), a_flush(NEVER_USED), a_flush(NEVER_USED)).proven


def test_a_newer_revision_makes_what_was_counted_void() -> None:
    moved_on = after(a_flush(), a_flush(), a_flush(marker=NEWER), a_flush())
    assert not moved_on.proven
    assert not after(a_flush(), a_flush(), a_flush(marker=NEWER), a_flush(), a_flush()).proven


def test_a_flush_without_the_marker_is_not_evidence() -> None:
    progress = after(a_flush(marker=None), a_flush(marker=None), a_flush(marker=None))
    assert not progress.proven
    assert progress.waiting_for == "its metrics do not show which revision of rt_1 it has"


def test_what_is_idle_now_is_told_by_flushes_that_began_after_the_question() -> None:
    early = [a_flush(marker=OLD)] * 5
    assert not after(*early, a_flush(), a_flush(), question=JUST_IDLE).proven
    assert after(*early, a_flush(), a_flush(), a_flush(), question=JUST_IDLE).proven


def test_what_others_ask_meanwhile_does_not_hold_up_who_asked_before() -> None:
    others = [a_flush(marker=NEWER), a_flush(marker=OLD)]
    assert after(a_flush(), *others, question=JUST_IDLE).proven
    assert not after(*others, question=JUST_IDLE).proven


def test_one_asker_goes_on_where_only_the_versions_are_others() -> None:
    later = Question("hs_1", "rt_1", frozenset({NEW, NEWER}), until_seen=True)
    assert later.goes_on_from(JUST_IDLE)
    assert not Question("hs_2", "rt_1", frozenset({NEW}), until_seen=True).goes_on_from(JUST_IDLE)
    drain = Question("hs_1", "rt_1", frozenset({NEWER}))
    assert not drain.goes_on_from(AFTER_THE_ROUTE)
    assert not drain.goes_on_from(JUST_IDLE)


gauges = st.one_of(st.none(), st.integers(0, 2))
flushes = st.lists(
    st.builds(
        a_flush,
        st.one_of(st.none(), st.builds(ClusterInFlight, gauges, gauges, gauges)),
        st.sampled_from([None, OLD, NEW, NEWER]),
    ),
    max_size=12,
)


def is_idle(flush: Flush) -> bool:
    cluster = flush.clusters.get("hs_1")
    return cluster is not None and cluster.requests == 0


@settings(deadline=None)  # the machine may be busy
@given(flushes)
def test_proven_only_by_a_barrier_and_two_idle_flushes_in_a_row_behind_it(
    stream: list[Flush],
) -> None:
    """The rule once more, written as what must be in the stream."""
    held = [flush.markers.get("rt_1") == NEW for flush in stream]
    idle = [is_idle(flush) for flush in stream]
    expected = any(
        all(held[at - FLUSHES_NEEDED : at + 1]) and all(idle[at - FLUSHES_NEEDED + 1 : at + 1])
        for at in range(FLUSHES_NEEDED, len(stream))
    )
    assert after(*stream).proven == expected


@settings(deadline=None)  # the machine may be busy
@given(flushes)
def test_without_a_proof_there_is_always_a_sentence(stream: list[Flush]) -> None:
    progress = after(*stream)
    assert bool(progress.waiting_for) != progress.proven
