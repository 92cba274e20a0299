"""What the OpenAPI document promises, held against real answers."""

import json
import re
from collections.abc import Mapping
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
    body = None if response.streaming else response.content
    require_declared(method, path, response.status_code, response.headers, body)


def require_declared(
    method: str,
    path: str,
    status: int,
    headers: Mapping[str, str],
    content: bytes | None,
    *,
    nothing_else: bool = False,
) -> None:
    """`content` None: of a stream, which is not looked into. `nothing_else`: nor does the body
    hold a field that its schema does not have (any more).
    """
    found = _call(method, path.partition("?")[0])
    assert found is not None, f"{method} {path} is not in the document"
    where, call = found
    assert str(status) in call["responses"], f"{where} does not declare {status}: {content!r}"
    declared = call["responses"][str(status)]
    for header in ("ETag", "Location", "Retry-After", "RateLimit", "WWW-Authenticate"):
        if header in headers:
            assert header in declared["headers"], f"{where} {status} does not declare {header}"
    if status == 204:
        return
    content_type = headers["Content-Type"].partition(";")[0]
    assert content_type in declared["content"], f"{where} {status} is not {content_type}"
    if content is None:
        return
    promised = declared["content"][content_type]
    body = json.loads(content)
    validator = _strict_validator if nothing_else else _validator
    validator(promised["schema"]["$ref"]).validate(body)
    if "examples" in promised:
        assert body["code"] in promised["examples"], f"{where} does not declare {body['code']}"


def require_taken(method: str, path: str, content: bytes) -> None:
    """The document knows this call, and its body is one that it takes."""
    found = _call(method, path)
    assert found is not None, f"{method} {path} is not in the document"
    where, call = found
    if not content or content == b"{}":
        return
    assert "requestBody" in call, f"{where} takes no body"
    schema = call["requestBody"]["content"]["application/json"]["schema"]
    refs = [one["$ref"] for one in (schema, *schema.get("anyOf", ())) if "$ref" in one]
    assert len(refs) == 1, f"{where} takes {schema}"
    _strict_validator(refs[0]).validate(json.loads(content))


def validator_of(name: str) -> jsonschema_rs.Validator:
    return _validator(f"#/components/schemas/{name}")


@cache
def _validator(ref: str) -> jsonschema_rs.Validator:
    schema = {"$ref": ref, "components": document()["components"]}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


@cache
def _strict_validator(ref: str) -> jsonschema_rs.Validator:
    schema = {"$ref": ref, "components": _closed(document()["components"])}
    return jsonschema_rs.Draft202012Validator(schema, validate_formats=True)


def _closed(schema: Any) -> Any:
    """With no other fields than are named, wherever some are."""
    if isinstance(schema, list):
        return [_closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: _closed(one) for name, one in schema.items()}
    if isinstance(schema.get("properties"), dict) and "type" in schema:
        closed.setdefault("additionalProperties", False)
    return closed


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
