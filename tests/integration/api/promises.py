"""What the OpenAPI document promises, held against real answers."""

import json
import re
from functools import cache
from typing import Any

import jsonschema_rs
from django.http import HttpResponse

from swaps.api.door import api

PREFIX = "/api/v1/"


@cache
def document() -> dict[str, Any]:
    """As it is served."""
    schema: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    return schema


def require_promised(method: str, path: str, response: HttpResponse) -> None:
    """The answer is one that the document declares: status, media type, code, body, headers."""
    found = _call(method, path.partition("?")[0])
    if found is None:
        assert response.status_code in {404, 405}, f"{method} {path} is not in the document"
        return
    where, call = found
    status = str(response.status_code)
    assert status in call["responses"], f"{where} does not declare {status}: {response.content!r}"
    declared = call["responses"][status]
    for header in ("ETag", "Location", "Retry-After", "RateLimit", "WWW-Authenticate"):
        if header in response:
            assert header in declared["headers"], f"{where} {status} does not declare {header}"
    if status == "204":
        return
    content_type = response["Content-Type"].partition(";")[0]
    assert content_type in declared["content"], f"{where} {status} is not {content_type}"
    if response.streaming:
        return
    promised = declared["content"][content_type]
    body = json.loads(response.content)
    _validator(promised["schema"]["$ref"]).validate(body)
    if "examples" in promised:
        assert body["code"] in promised["examples"], f"{where} does not declare {body['code']}"


def validator_of(name: str) -> jsonschema_rs.Validator:
    return _validator(f"#/components/schemas/{name}")


@cache
def _validator(ref: str) -> jsonschema_rs.Validator:
    schema = {"$ref": ref, "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _call(method: str, path: str) -> tuple[str, dict[str, Any]] | None:
    for pattern, template, calls in _patterns():
        if pattern.fullmatch(path) and method.lower() in calls:
            return f"{method} {template}", calls[method.lower()]
    return None


@cache
def _patterns() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    return [
        (re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))), path, calls)
        for path, calls in document()["paths"].items()
    ]
