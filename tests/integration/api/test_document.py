"""The OpenAPI document is complete: whoever reads it alone can call the API.

That real answers are as it says is checked at every call that the tests here make, see
`tests.given.promises`, and by tests/system/test_fuzz_api.py at what nobody thought of.
"""

from typing import Any

import pytest
from django.test import Client

from swaps.access.roles import Role
from swaps.api.codes import CODES
from swaps.api.examples import ANSWERS, BODIES
from swaps.commands.errors import SwapRefused
from tests.given.promises import document, validator_of


def calls() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{method.upper()} {path}", call)
        for path, methods in document()["paths"].items()
        for method, call in methods.items()
    ]


def every_refusal(kind: type[SwapRefused] = SwapRefused) -> set[str]:
    return {kind.code} | {code for one in kind.__subclasses__() for code in every_refusal(one)}


def test_it_is_served_to_anybody_as_3_1() -> None:
    served = Client().get("/api/v1/openapi.json")
    assert served.json() == document()
    assert served.json()["openapi"].startswith("3.1")


def test_every_call_says_what_it_does_for_whom_and_by_example() -> None:
    for where, call in calls():
        assert call["summary"], where
        words, _, role = call["description"].rpartition(" Role: ")
        assert words, f"{where} has no description"
        assert role.rstrip(".") in set(Role), where
        assert len(call["tags"]) == 1, where
        assert call["security"] == [{"token": []}], where
        if "requestBody" in call:
            assert "example" in call["requestBody"]["content"]["application/json"], where
        for status, response in call["responses"].items():
            content = response.get("content", {})
            assert content or status == "204", f"{where} {status} declares no body"
            for one in content.values():
                if one["schema"].get("type") != "string":  # a stream, or a file
                    assert {"example", "examples"} & one.keys(), f"{where} {status}: no example"


def test_every_error_of_any_call_is_declared() -> None:
    for where, call in calls():
        declared = {int(status) for status in call["responses"]}
        assert {401, 403, 429, 500, 503} <= declared, where
        if "requestBody" in call:
            assert {400, 413, 422} <= declared, where
        for status in declared:
            if status >= 400:
                content = call["responses"][str(status)]["content"]
                assert list(content) == ["application/problem+json"], f"{where} {status}"


def test_any_post_may_be_repeated_and_any_edit_be_conditional() -> None:
    for where, call in calls():
        names = {one["name"] for one in call["parameters"]}
        declared = call["responses"]
        if where.startswith("POST"):
            assert "Idempotency-Key" in names, where
            assert "still-running" in declared["409"]["description"], where
        elif where.startswith("PATCH") or (where.startswith("DELETE") and "204" in declared):
            assert "If-Match" in names, where
            assert "412" in declared, where


def test_every_refusal_has_a_status() -> None:
    assert every_refusal() - CODES.keys() == {"refused"}, "the base of all refusals is never raised"


@pytest.mark.parametrize(("name", "example"), [*ANSWERS.items(), *BODIES.items()])
def test_every_example_is_one(name: str, example: Any) -> None:
    validator_of(name).validate(example)


def test_every_schema_of_an_answer_or_a_body_has_its_example() -> None:
    shown = str(document()["paths"])
    for name in (*ANSWERS, *BODIES):
        assert f"schemas/{name}'" in shown or f"Listing_{name}_'" in shown, f"{name} is not used"
