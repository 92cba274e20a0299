"""The OpenAPI document as a page: made here, so it needs no script and nothing from elsewhere.

Open to all, as the document is: it holds no secret.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_safe

from swaps.api.codes import CODES, OF_ANY_CALL
from swaps.api.document import JSON, PAGES, SCHEMA_PATH

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """The type of a value in words; `schema` is the name of one that is described below."""

    words: str
    schema: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    name: str
    kinds: list[Kind]  # one of them
    required: bool
    default: str
    words: SafeString
    where: str = ""  # of a parameter: path, query, header


@dataclass(frozen=True, slots=True)
class DocumentedAnswer:
    status: str
    kinds: list[Kind]
    media_types: list[str]
    headers: list[str]
    codes: list[str]  # of problems


@dataclass(frozen=True, slots=True)
class Operation:
    id: str
    method: str
    path: str
    summary: str
    words: SafeString
    role: str
    parameters: list[Field]
    body: list[Kind]
    curl: str
    answers: list[DocumentedAnswer]
    problems: list[DocumentedAnswer]


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    words: str
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class Shape:
    """A schema: its fields, or the words that it may be one of, and an example."""

    name: str
    words: SafeString
    asked: bool  # in a body: then it matters which fields are required
    fields: list[Field]
    values: list[str]
    example: str


@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    origin = f"{request.scheme}://{request.get_host()}"
    return render(request, "api/docs.html", _contents() | {"origin": origin})


@cache
def _contents() -> dict[str, Any]:
    # The door holds this view, so it is there when somebody comes in.
    from swaps.api.door import api

    return contents_of(json.loads(json.dumps(api.get_openapi_schema())))


def contents_of(document: Json) -> dict[str, Any]:
    operations = [
        _operation(method, path, call, call["tags"][0])
        for path, calls in document["paths"].items()
        for method, call in calls.items()
    ]
    groups = [
        Group(
            tag["name"],
            tag["description"],
            [one for name, one in operations if name == tag["name"]],
        )
        for tag in document["tags"]
    ]
    return {
        "info": document["info"],
        "groups": groups,
        "shapes": list(_shapes(document)),
        "codes": sorted((code.status, name, code.example) for name, code in CODES.items()),
        "of_any_call": OF_ANY_CALL,
    }


def _marked(words: str) -> SafeString:
    """What stands between backticks is code."""
    return mark_safe(re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(words)))  # noqa: S308 - escaped


def _operation(method: str, path: str, call: Json, tag: str) -> tuple[str, Operation]:
    words, _, role = call["description"].rpartition(" Role: ")
    body = call.get("requestBody", {}).get("content", {}).get(JSON, {})
    answers = [_answer(status, one) for status, one in call["responses"].items()]
    return tag, Operation(
        id=call["operationId"],
        method=method.upper(),
        path=path,
        summary=call["summary"],
        words=_marked(words),
        role=role.rstrip("."),
        parameters=[_parameter(one) for one in call["parameters"]],
        body=_kinds(body["schema"]) if body else [],
        curl=_curl(method, path, body.get("example")),
        answers=[one for one in answers if int(one.status) < 400],
        problems=[one for one in answers if one.codes],
    )


def _answer(status: str, response: Json) -> DocumentedAnswer:
    content: Json = response.get("content", {})
    schema = next((one["schema"] for one in content.values()), None)
    examples: Json = next((one.get("examples", {}) for one in content.values()), {})
    return DocumentedAnswer(
        status=status,
        kinds=_kinds(schema) if schema else [],
        media_types=list(content),
        headers=[name for name in response.get("headers", {}) if not name.startswith("RateLimit")],
        codes=[code for code in examples if code not in OF_ANY_CALL],
    )


def _parameter(given: Json) -> Field:
    options = given["schema"].get("anyOf", [given["schema"]])
    # Null is how the framework says that it may be left out.
    schema = given["schema"] | {"anyOf": [one for one in options if one != {"type": "null"}]}
    return _field(given["name"], schema, given["required"], given["in"])


def _field(name: str, schema: Json, required: bool, where: str = "") -> Field:
    default = schema.get("default")
    return Field(
        name=name,
        kinds=_kinds(schema),
        required=required,
        default="" if default in (None, "") else json.dumps(default).strip('"'),
        words=_marked(schema.get("description", "")),
        where=where,
    )


def _kinds(schema: Json) -> list[Kind]:
    if "anyOf" in schema:
        return [kind for one in schema["anyOf"] for kind in _kinds(one)]
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(SCHEMA_PATH)
        if name.startswith(PAGES):
            return [Kind("page of", name.removeprefix(PAGES).removesuffix("_"))]
        return [Kind("", name)]
    if "enum" in schema:
        return [Kind(" | ".join(map(str, schema["enum"])))]
    if "const" in schema:
        return [Kind(str(schema["const"]))]
    match schema.get("type"):
        case "array":
            return _within("list of", schema.get("items", {}))
        case "object" if isinstance(schema.get("additionalProperties"), Mapping):
            return _within("by name:", schema["additionalProperties"])
        case None:
            return [Kind("anything")]
        case kind:
            return [Kind(f"{schema.get('format', kind)}{_limits(schema)}")]


def _within(words: str, schema: Json) -> list[Kind]:
    first, *others = _kinds(schema)
    return [Kind(f"{words} {first.words}".strip(), first.schema), *others]


def _limits(schema: Json) -> str:
    for least, most, of in (("minimum", "maximum", ""), ("minLength", "maxLength", " characters")):
        low, high = schema.get(least), schema.get(most)
        if high is not None:
            return f", {low or 0} to {high}{of}"
        if low is not None:
            return f", at least {low}{of}"
    return ""


def _curl(method: str, path: str, example: Any) -> str:
    """To be copied; the page puts its own address in front of the path."""
    parts = ['curl -H "Authorization: Bearer $HOTSWAP_TOKEN"']
    if method != "get":
        parts.append(f"-X {method.upper()}")
    if method == "post":
        parts.append('-H "Idempotency-Key: $(uuidgen)"')
    if example is not None:
        parts.append("-H 'Content-Type: application/json'")
        parts.append(f"-d '{json.dumps(example, ensure_ascii=False)}'")
    return " \\\n  ".join(parts)


def _shapes(document: Json) -> Iterator[Shape]:
    """Those that calls name, and those that these name, by name."""
    schemas, examples = document["components"]["schemas"], _examples(document["paths"])
    asked = _reached(_bodies(document["paths"]), schemas)
    for name in sorted(_reached(document["paths"], schemas)):
        schema = schemas[name]
        if name.startswith(PAGES):
            continue
        example = examples.get(name)
        yield Shape(
            name=name,
            words=_marked(schema.get("description", "")),
            asked=name in asked,
            fields=[
                _field(field, one, field in schema.get("required", []))
                for field, one in schema.get("properties", {}).items()
            ],
            values=schema.get("enum", []),
            example="" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
        )


def _bodies(paths: Json) -> list[Any]:
    return [call.get("requestBody") for calls in paths.values() for call in calls.values()]


def _reached(part: Any, schemas: Json) -> set[str]:
    named: set[str] = set()
    waiting = set(_names(part))
    while waiting:
        named |= waiting
        waiting = {name for one in waiting for name in _names(schemas[one])} - named
    return named


def _names(part: Any) -> Iterator[str]:
    """Of every schema that is referred to in this part of the document."""
    if isinstance(part, Mapping):
        if isinstance(ref := part.get("$ref"), str):
            yield ref.removeprefix(SCHEMA_PATH)
        for value in part.values():
            yield from _names(value)
    elif isinstance(part, list):
        for value in part:
            yield from _names(value)


def _examples(part: Any) -> dict[str, Any]:
    """What the calls give as examples, by the name of the schema."""
    if not isinstance(part, Mapping):
        return {}
    found: dict[str, Any] = {}
    for value in part.values():
        found |= _examples(value)
    for name in _names(part["schema"]) if "example" in part and "schema" in part else ():
        if not name.startswith(PAGES):
            found[name] = part["example"]
        elif items := part["example"]["items"]:
            found[name.removeprefix(PAGES).removesuffix("_")] = items[0]
    return found
