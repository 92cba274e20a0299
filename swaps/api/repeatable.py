"""`Idempotency-Key` on every POST: who repeats a request gets the answer of the first one.

After https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/: another
request with the same key is 422, one whose first is still running 409.
"""

import json
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

from django.http import HttpRequest, HttpResponse
from ninja.params.functions import Header
from ninja.utils import contribute_operation_args
from pydantic import StringConstraints

from swaps.api.bearer import actor_of
from swaps.commands.repeats import KeptResponse, once

IDEMPOTENCY_KEY = "Idempotency-Key"
REPEATED = "Idempotency-Replayed"

Key = Annotated[
    str | None, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")
]
DESCRIPTION = (
    "Repeat a request with the same key and it is done once: for 24 hours the answer of the "
    f"first comes again, with `{REPEATED}: true`. Another request with that key is 422. "
    "A refusal did nothing and is not kept."
)

type Call = Callable[..., HttpResponse]


def repeatable(*, hiding: str = "") -> Callable[[Call], Call]:
    """`hiding`: the field of the answer that is null when it is given again."""

    def decorated(call: Call) -> Call:
        @wraps(call)
        def checked(request: HttpRequest, *args: Any, **named: Any) -> HttpResponse:
            key = named.pop("idempotency_key", None)
            if not key:
                return call(request, *args, **named)

            def do() -> KeptResponse:
                done = call(request, *args, **named)
                answers.append(done)
                body = done.content.decode()
                if hiding:
                    body = json.dumps(json.loads(body) | {hiding: None})
                return KeptResponse(done.status_code, done.get("Location", ""), body)

            answers: list[HttpResponse] = []
            kept = once(actor_of(request), key, _asked(request), do)
            return answers[-1] if not kept.repeated else _again(kept)

        contribute_operation_args(
            checked,
            "idempotency_key",
            Key,  # type: ignore[arg-type]  # it takes any annotation
            Header(None, alias=IDEMPOTENCY_KEY, description=DESCRIPTION),
        )
        return checked

    return decorated


def _asked(request: HttpRequest) -> dict[str, Any]:
    # What was parsed, not its bytes: a client may write its JSON another way the second time.
    body = json.loads(request.body) if request.body else None
    return {"path": request.path, "body": body}


def _again(kept: KeptResponse) -> HttpResponse:
    headers = {"Cache-Control": "no-store", REPEATED: "true"}
    if kept.location:
        headers["Location"] = kept.location
    return HttpResponse(
        kept.body, status=kept.status, content_type="application/json", headers=headers
    )
