"""The OpenAPI document: what the framework says of the calls, and what it cannot say.

Errors with their media type and an example for each code, headers, examples, who may call.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from swaps.api.answers import PROBLEM_CODES
from swaps.api.codes import CODES
from swaps.api.examples import ANSWERS, BODIES
from swaps.api.problems import CONTENT_TYPE
from swaps.api.repeatable import IDEMPOTENCY_KEY, REPEATED

JSON = "application/json"
STREAM, STREAMED = "text/event-stream", "StreamedEvent"
SCHEMA_PATH = "#/components/schemas/"
PAGES = "Listing_"

INFO = {
    "title": "Hotswap",
    "description": "Put a new version of a model in front of live traffic without dropping one "
    "request. Times are RFC 3339 UTC, durations seconds, weights integer percent; a number "
    "that is not known is null, never 0. 202 means committed: the next GET shows it.",
}
TAGS = {
    "swaps": "One version put in another's place: begin one, follow it, command it.",
    "approvals": "A second person's word on the swaps of protected models.",
    "models": "What clients call by name, its versions, and the queue of its swaps.",
    "hosts": "The inference servers that are asked to load and unload.",
    "strategies": "Steps by which traffic moves, under a name.",
    "fleet": "The router's nodes.",
    "audit": "Who did what, and what proves it.",
    "tokens": "What programs sign in with.",
    "users": "Who may come in, and as what.",
}
_RETRY_AFTER = {
    "description": "seconds after which asking again makes sense",
    "schema": {"type": "integer", "minimum": 1},
}
_HEADERS: Mapping[str, Mapping[str, Any]] = {
    "401": {
        "WWW-Authenticate": {"description": "how to sign in", "schema": {"const": "Bearer"}},
    },
    "409": {"Retry-After": _RETRY_AFTER | {"description": "where it will be possible soon"}},
    "429": {"Retry-After": _RETRY_AFTER},
    "503": {"Retry-After": _RETRY_AFTER},
}
_RATE = {
    "RateLimit-Policy": {
        "description": "requests (q) that this token may make in so many seconds (w)",
        "schema": {"type": "string"},
    },
    "RateLimit": {
        "description": "requests that are left to this token (r)",
        "schema": {"type": "string"},
    },
}
_LOCATION = {"description": "the path of what was made", "schema": {"type": "string"}}
_ETAG = {"description": "of what can be edited: give it as If-Match", "schema": {"type": "string"}}
_REPEATED = {
    "description": "the answer of the first request with this key; nothing was done now",
    "schema": {"const": "true"},
}


def complete(document: dict[str, Any], least_roles: Mapping[str, str]) -> dict[str, Any]:
    """The framework's document, changed in place. `least_roles`: by operation id."""
    document["tags"] = [{"name": name, "description": words} for name, words in TAGS.items()]
    # One way to sign in, whichever class checks it.
    scheme = {"type": "http", "scheme": "bearer", "description": "an API token, hs_…"}
    document["components"]["securitySchemes"] = {"token": scheme}
    for call in calls_of(document):
        call["security"] = [{"token": []}]
        role = least_roles[call["operationId"]]
        call["description"] = f"{call.get('description', '')} Role: {role}.".strip()
        if "requestBody" in call:
            _give_example(call["requestBody"]["content"][JSON], BODIES)
        for status, response in call["responses"].items():
            if int(status) >= 400:
                _describe_problem(response)
            else:
                _describe_answer(document, call, str(status), response)
            headers = response.setdefault("headers", {})
            headers.update(_HEADERS.get(str(status), {}))
            if str(status) != "401":
                headers.update(_RATE)
    return document


def calls_of(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for calls in document["paths"].values():
        yield from calls.values()


def _describe_problem(response: dict[str, Any]) -> None:
    content = response["content"].pop(JSON)
    codes = content["schema"].pop(PROBLEM_CODES)
    content["schema"] = {"$ref": content["schema"]["$ref"]}
    content["examples"] = {code: {"value": _problem(code)} for code in codes}
    response["description"] = f"{response['description']}: {', '.join(codes)}"
    response["content"] = {CONTENT_TYPE: content}


def _problem(code: str) -> dict[str, Any]:
    return {
        "type": f"urn:hotswap:problem:{code}",
        "code": code,
        "title": code.replace("-", " ").capitalize(),
        "status": int(CODES[code].status),
        "detail": CODES[code].example,
    }


def _describe_answer(
    document: Mapping[str, Any], call: Mapping[str, Any], status: str, response: dict[str, Any]
) -> None:
    headers = response.setdefault("headers", {})
    if "content" not in response:
        return
    content = response["content"][JSON]
    if content["schema"].get("type") == "string":
        del response["content"][JSON]  # a file, whose types the call names
        return
    _give_example(content, ANSWERS)
    if _name_of(content) == STREAMED:
        response["content"] = {STREAM: content}
        return
    schema = document["components"]["schemas"][_name_of(content)]
    if "etag" in schema["properties"]:
        headers["ETag"] = _ETAG
    if status in {"201", "202"}:
        headers["Location"] = _LOCATION
    if any(one["name"] == IDEMPOTENCY_KEY for one in call["parameters"]):
        headers[REPEATED] = _REPEATED


def _give_example(content: dict[str, Any], examples: Mapping[str, Any]) -> None:
    name = _name_of(content)
    if name.startswith(PAGES):
        name = name.removeprefix(PAGES).removesuffix("_")
        if name in examples:
            content["example"] = {"items": [examples[name]], "next": None}
    elif name in examples:
        content["example"] = examples[name]


def _name_of(content: Mapping[str, Any]) -> str:
    """Of a schema that is a reference, also where it may be left out."""
    schema = content["schema"]
    options = [schema, *schema.get("anyOf", [])]
    return next((str(o["$ref"]).removeprefix(SCHEMA_PATH) for o in options if "$ref" in o), "")
