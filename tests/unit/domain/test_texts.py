"""JSON that people type: read, or refused in a sentence."""

import pytest

from swaps.domain.texts import DEEPEST_JSON, NotJson, read_json


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "nested too deeply"),
        ("[" * 10_000 + "]" * 10_000, "nested"),
        ('{"a":' * (DEEPEST_JSON + 1) + "1" + "}" * (DEEPEST_JSON + 1), "levels deep"),
        ("[NaN]", "NaN is no number"),
        ("-Infinity", "is no number"),
        ("1" * 5_000, "not JSON"),
        ('{"a\\u0000": 1}', "NUL"),
        ('["\\ud800"]', "surrogate"),
        (b"\xff\xfe", "not JSON"),
    ],
)
def test_what_nobody_could_keep_is_refused_in_a_sentence(typed: str | bytes, words: str) -> None:
    with pytest.raises(NotJson, match=words) as refusal:
        read_json(typed)
    assert str(refusal.value).startswith("This ")
    assert str(refusal.value).endswith(".")


def test_what_can_be_kept_is_read() -> None:
    assert read_json('{"steps": [{"setWeight": 5}], "é": null}') == {
        "steps": [{"setWeight": 5}],
        "é": None,
    }
    assert read_json("[" * DEEPEST_JSON + "]" * DEEPEST_JSON)
    assert read_json('"a\\u0000"', stored=False) == "a\x00"
