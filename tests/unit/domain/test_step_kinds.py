"""Each kind of step says all that others read of it: how it is written, told, drawn, documented."""

from datetime import datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest

from swaps.domain.decisions import Wait
from swaps.domain.steps import KINDS, Hold, Pause, SetWeight, StrategyInvalid, parse_step
from swaps.domain.steps.contract import AtStep, Passed, StrategyStep
from tests.documents import TOLD
from tests.unit.domain.builders import NOW, seconds

# One of each kind, as JSON, and in words.
ONE_OF_EACH: dict[str, tuple[Any, str]] = {
    "set-weight": ({"setWeight": 25}, "25 %"),
    "hold": ({"pause": {"duration": 60.0}}, "hold 60 s"),
    "pause": ({"pause": {}}, "wait until promoted"),
}


@pytest.fixture(params=KINDS, ids=[kind.kind for kind in KINDS])
def kind(request: pytest.FixtureRequest) -> type[StrategyStep]:
    found: type[StrategyStep] = request.param
    return found


def one_of(kind: type[StrategyStep]) -> StrategyStep:
    return parse_step(ONE_OF_EACH[kind.kind][0], 1)


def test_it_is_parsed_kept_and_told(kind: type[StrategyStep]) -> None:
    written, words = ONE_OF_EACH[kind.kind]
    step = one_of(kind)
    assert type(step) is kind
    assert (step.as_json(), step.words) == (written, words)


def test_no_two_kinds_go_by_one_name() -> None:
    for names in ([one.kind for one in KINDS], [one.title for one in KINDS]):
        assert len(set(names)) == len(KINDS)


def test_its_document_takes_what_it_parses_and_no_step_of_another_kind(
    kind: type[StrategyStep],
) -> None:
    schema = jsonschema_rs.validator_for(kind.json_schema())
    for other in KINDS:
        assert schema.is_valid(ONE_OF_EACH[other.kind][0]) is (other is kind)
    assert not schema.is_valid({})


def test_what_its_fields_begin_with_is_a_step(kind: type[StrategyStep]) -> None:
    """As the editor of steps makes one of them."""
    written: dict[str, Any] = {} if kind.fields else {kind.key: {}}
    for field in kind.fields:
        place = written
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = int(field.usual)
    assert type(parse_step(written, 1)) is kind


def test_the_handbook_tells_of_it(kind: type[StrategyStep]) -> None:
    assert f"| `{kind.shape}` | {kind.meaning} |" in TOLD


def test_what_is_no_step_is_told_how_each_is_written(kind: type[StrategyStep]) -> None:
    with pytest.raises(StrategyInvalid, match=r"^step 3: ") as refused:
        parse_step({"wait": 5}, 3)
    assert kind.shape in str(refused.value)


def test_it_draws_what_stands_still(kind: type[StrategyStep]) -> None:
    step = one_of(kind)
    assert (step.drawn.length > timedelta()) is (step.weight is None)
    assert bool(step.drawn.until) is (step.lasts is None)


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (0.001, "hold 0.001 s"),
        (119, "hold 119 s"),
        (120, "hold 2 min"),
        (3723.25, "hold 1 h 2 min 3.25 s"),
        (7 * 86_400, "hold 168 h"),
    ],
)
def test_a_hold_is_told_to_the_last_millisecond(duration: float, words: str) -> None:
    assert Hold(seconds(duration)).words == words


def at(now: datetime, *, promoted: bool = False) -> AtStep:
    return AtStep(now, entered_at=NOW, percent=25, promoted=promoted)


def test_a_hold_is_over_by_the_clock_and_a_pause_by_a_person() -> None:
    soon, later = NOW + seconds(59), NOW + seconds(60)
    hold = Hold(seconds(60))
    assert hold.passing(at(soon)) == Wait("holding at 25 %", later)
    assert hold.passing(at(later)) == Passed("held at 25 %")
    assert Pause().passing(at(later)) == Wait("paused until promoted", asks_operator=True)
    for one in (hold, Pause()):
        assert one.passing(at(soon, promoted=True)) == Passed("promoted")


@pytest.mark.parametrize(
    ("step", "weight", "words"),
    [
        (SetWeight(20), 0, ""),
        (SetWeight(20), 20, "weights grow, 20 ≤ 20"),
        (Pause(), 0, "there is nothing to hold before the first weight"),
        (Hold(seconds(5)), 50, ""),
        (Hold(seconds(5)), 100, "there is nothing to hold after 100 %"),
    ],
)
def test_it_says_where_it_cannot_stand(step: StrategyStep, weight: int, words: str) -> None:
    assert step.misplaced(weight) == words
