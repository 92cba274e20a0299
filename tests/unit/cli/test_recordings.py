"""The recorded answers are still what the API says it answers: `make record-answers` if not."""

import json
from pathlib import Path

import pytest

from tests.given.promises import require_declared, validator_of
from tests.unit.cli.recorded import EVENT_STREAM, every_name, recorded
from tests.unit.cli.server import PREFIX

EVENT, SWAP = "EventReading", "SwapReading"


@pytest.mark.parametrize("name", every_name())
def test_it_is_as_the_document_declares(name: str) -> None:
    answer = recorded(name)
    parsed = answer.content_type in {"application/json", "application/problem+json"}
    require_declared(
        answer.method,
        f"{PREFIX}{answer.path}",
        answer.status,
        answer.headers,
        answer.content() if parsed else None,
        nothing_else=True,
    )
    if answer.content_type == EVENT_STREAM:
        assert answer.body, "an empty stream shows nothing"
        for sent in answer.body:
            validator_of("StreamedEvent").validate(sent | {"data": json.dumps(sent["data"])})
            if sent["event"] == "end":
                validator_of(SWAP).validate(sent["data"])
            elif sent["event"] != "progress":
                validator_of(EVENT).validate(sent["data"])


def test_each_is_needed() -> None:
    tests = "".join(file.read_text() for file in Path(__file__).parent.glob("test_*.py"))
    names = {name: name.partition("/")[2].removesuffix("-stream") for name in every_name()}
    assert [name for name, what in names.items() if what not in tests] == []
