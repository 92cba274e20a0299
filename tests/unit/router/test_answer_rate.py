"""Requests a second from counters that grow, begin late, and go."""

from swaps.router.metrics.answer_rate import AnswerRate


def test_two_looks_make_a_rate_and_one_makes_none() -> None:
    rate = AnswerRate()
    assert rate.per_second() is None
    rate.see({"hs_1": {"rq_2xx": 1000}}, 10.0)
    rate.see({"hs_1": {"rq_2xx": 1050}}, 10.5)
    assert rate.per_second() is None, "half a second says nothing"
    rate.see({"hs_1": {"rq_2xx": 1150, "rq_5xx": 50}}, 12.0)
    assert rate.per_second() == 100.0


def test_a_cluster_that_comes_counts_from_none_and_one_that_goes_takes_nothing_back() -> None:
    rate = AnswerRate()
    rate.see({"hs_1": {"rq_2xx": 1000}}, 0.0)
    rate.see({"hs_1": {"rq_2xx": 1100}, "hs_2": {"rq_2xx": 20}}, 1.0)
    rate.see({"hs_2": {"rq_2xx": 100}}, 2.0)
    assert rate.per_second() == 100.0


def test_what_is_long_ago_is_forgotten() -> None:
    rate = AnswerRate()
    for second in range(20):
        rate.see({"hs_1": {"rq_2xx": 100 * min(second, 10)}}, float(second))
    assert rate.per_second() == 0.0
