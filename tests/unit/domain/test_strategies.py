"""Strategies as people write them: parsed, refused with the step's number, and kept."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swaps.domain.steps import Hold, Pause, SetWeight, StrategyInvalid, StrategyStep
from swaps.domain.strategies import (
    READY_MADE,
    Strategy,
    all_at_once,
    canary,
    linear,
    parse_strategy,
)

MINUTE = timedelta(seconds=60)


@pytest.mark.parametrize("nothing", [None, "", {}])
def test_no_strategy_is_all_at_once(nothing: object) -> None:
    assert parse_strategy(nothing) == all_at_once()


@pytest.mark.parametrize("name", sorted(READY_MADE))
def test_a_ready_made_strategy_goes_by_its_name(name: str) -> None:
    assert parse_strategy(name) == READY_MADE[name]() == parse_strategy({"name": name})


def test_canary_holds_after_each_weight_but_the_last() -> None:
    five, a, quarter, b, half, c, all_ = canary(MINUTE).steps
    assert [five, quarter, half, all_] == [SetWeight(p) for p in (5, 25, 50, 100)]
    assert [a, b, c] == [Hold(MINUTE)] * 3


@pytest.mark.parametrize(
    ("step", "weights"), [(20, [20, 40, 60, 80, 100]), (30, [30, 60, 90, 100]), (100, [100])]
)
def test_linear_goes_up_in_equal_steps_to_100(step: int, weights: list[int]) -> None:
    steps = linear(step).steps
    assert [s.percent for s in steps if isinstance(s, SetWeight)] == weights


@pytest.mark.parametrize("step", [0, -5, 101])
def test_linear_refuses_a_step_that_is_no_percentage(step: int) -> None:
    with pytest.raises(StrategyInvalid, match=f"{step} %"):
        linear(step)


def test_the_steps_are_in_the_words_of_argo_rollouts() -> None:
    written = {
        "name": "careful",
        "steps": [
            {"setWeight": 5},
            {"pause": {"duration": 60}},
            {"setWeight": 50},
            {"pause": {}},
            {"pause": None},
        ],
        "stickyHeader": "X-User",
    }
    assert parse_strategy(written) == Strategy(
        "careful",
        (SetWeight(5), Hold(MINUTE), SetWeight(50), Pause(), Pause(), SetWeight(100)),
        "x-user",
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("blue-green", "no strategy 'blue-green'"),
        (7, "a name or an object"),
        ([{"setWeight": 5}], "a name or an object"),
        ({"setWeight": 5}, "not 'setWeight'"),
        ({"name": "mine"}, "'mine' needs steps"),
        ({"name": ""}, "63 printable"),
        ({"name": "x" * 64, "steps": [{"setWeight": 5}]}, "63 printable"),
        ({"name": "nul\0", "steps": [{"setWeight": 5}]}, "63 printable"),
        ({"steps": []}, "1 to 50"),
        ({"steps": [{"setWeight": 1}] * 51}, "1 to 50"),
        ({"steps": {"setWeight": 5}}, "a list"),
        ({"steps": [{"setWeight": 0}]}, "step 1: weight 0"),
        ({"steps": [{"setWeight": 101}]}, "step 1: weight 101"),
        ({"steps": [{"setWeight": 50}, {"setWeight": 50}]}, "step 2: weights grow"),
        ({"steps": [{"setWeight": 50}, {"setWeight": 20}]}, "step 2: weights grow"),
        ({"steps": [{"setWeight": True}]}, "step 1"),
        ({"steps": [{"setWeight": 5.5}]}, "step 1"),
        ({"steps": [{"setWeight": 5, "pause": {}}]}, "step 1"),
        ({"steps": [{"setWeight": 5}, {"pause": {"duration": 0}}]}, "step 2: a hold"),
        ({"steps": [{"setWeight": 5}, {"pause": {"duration": 1e-9}}]}, "step 2: a hold"),
        ({"steps": [{"setWeight": 5}, {"pause": {"duration": float("nan")}}]}, "step 2: a hold"),
        ({"steps": [{"setWeight": 5}, {"pause": {"duration": 700_000}}]}, "step 2: a hold"),
        ({"steps": [{"setWeight": 5}, {"pause": {"duration": True}}]}, "step 2"),
        ({"steps": [{"setWeight": 5}, {"pause": {"until": "noon"}}]}, "step 2"),
        ({"steps": [{"setWeight": 5}, "pause"]}, "step 2"),
        ({"name": "canary", "stickyHeader": "x user"}, "stickyHeader"),
        ({"name": "canary", "stickyHeader": "x_user"}, "requests that have a '_'"),
        ({"name": "canary", "stickyHeader": ":path"}, "stickyHeader"),
        ({"name": "canary", "stickyHeader": "x" * 64}, "longer than 63"),
        ({"name": "canary", "stickyHeader": "X-HS-Path"}, "the router's own"),
        ({"name": "canary", "stickyHeader": "x-envoy-retry-on"}, "the router's own"),
        ({"name": "canary", "stickyHeader": "x-usér"}, "stickyHeader"),
        ({"name": "canary", "stickyHeader": None}, "stickyHeader"),
    ],
)
def test_what_cannot_be_followed_is_refused_in_words(written: object, words: str) -> None:
    with pytest.raises(StrategyInvalid, match=words):
        parse_strategy(written)


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([{"pause": {}}, {"setWeight": 5}], "step 1: .* before the first weight"),
        ([{"setWeight": 100}, {"pause": {"duration": 60}}], "step 2: .* after 100 %"),
    ],
)
def test_a_hold_that_would_be_passed_over_is_refused(steps: list[Any], words: str) -> None:
    with pytest.raises(StrategyInvalid, match=words):
        parse_strategy({"steps": steps})


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-10, 200)
    | st.integers()
    | st.floats()
    | st.text(max_size=70)
    | st.sampled_from(["canary", "linear", "x-user"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
nearly_steps = st.lists(
    st.one_of(
        st.builds(lambda p: {"setWeight": p}, st.integers(-1, 102) | json_values),
        st.builds(
            lambda d: {"pause": {"duration": d}},
            st.floats(0, 1000) | st.integers(-1, 800_000) | json_values,
        ),
        st.sampled_from([{"pause": {}}, {"pause": None}, {"setWeight": 100}]),
        json_values,
    ),
    max_size=6,
)
nearly_strategies = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["canary", "mine"]) | json_values,
        "steps": nearly_steps,
        "stickyHeader": st.sampled_from(["", "X-User"]) | json_values,
        "extra": st.nothing() | json_values,
    },
)
holds = st.builds(lambda ms: Hold(timedelta(milliseconds=ms)), st.integers(1, 7 * 86_400_000))


@st.composite
def valid_strategies(draw: st.DrawFn) -> Strategy:
    weights = sorted(draw(st.sets(st.integers(1, 99), max_size=6)))
    steps: list[StrategyStep] = []
    for percent in weights:
        steps += [SetWeight(percent), *draw(st.lists(holds | st.just(Pause()), max_size=2))]
    sticky = draw(st.from_regex(r"([a-w0-9-][a-z0-9-]{0,62})?", fullmatch=True))
    name = draw(st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=63))
    return Strategy(name, (*steps, SetWeight(100)), sticky)


@given(json_values | nearly_strategies)
def test_whatever_is_written_is_a_strategy_that_ends_at_100_or_refused(written: object) -> None:
    try:
        strategy = parse_strategy(written)
    except StrategyInvalid:
        return
    weights = [step.percent for step in strategy.steps if isinstance(step, SetWeight)]
    assert weights == sorted(set(weights))
    assert strategy.steps[-1] == SetWeight(100)
    assert isinstance(strategy.steps[0], SetWeight)
    _is_kept_as_it_is(strategy)


@given(valid_strategies())
def test_a_strategy_is_kept_as_json_and_read_back_the_same(strategy: Strategy) -> None:
    _is_kept_as_it_is(strategy)


def _is_kept_as_it_is(strategy: Strategy) -> None:
    kept = json.dumps(strategy.as_json())
    kept.encode()  # no half of a surrogate pair: Postgres would refuse the row
    assert parse_strategy(json.loads(kept)) == strategy
