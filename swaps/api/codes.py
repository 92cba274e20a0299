"""Every code that a problem can have: its HTTP status, and what the answer may say.

422 is about what was sent, 409 about the present state of things, 412 about what was seen. A
version that a path names and no host has is `version-not-found` with 404, not 422.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus


@dataclass(frozen=True, slots=True)
class Code:
    status: HTTPStatus
    example: str


_S = HTTPStatus

CODES: Mapping[str, Code] = {
    "malformed-request": Code(_S.BAD_REQUEST, "Cannot parse request body"),
    "unauthorized": Code(
        _S.UNAUTHORIZED,
        "send a valid API token as 'Authorization: Bearer …'; this one is missing, unknown, "
        "expired or revoked",
    ),
    "forbidden": Code(_S.FORBIDDEN, "olga (viewer) may not swap: it needs the role operator"),
    "not-found": Code(_S.NOT_FOUND, "there is nothing at /api/v1/swaps/1"),
    "model-not-found": Code(_S.NOT_FOUND, "no model 'iris' is registered"),
    "host-not-found": Code(_S.NOT_FOUND, "no host 'gpu-7' is registered"),
    "swap-not-found": Code(_S.NOT_FOUND, "no swap has the id 3f1d9c1e-5c1b-4d2c-9a61-0f6f1f7a2b10"),
    "strategy-not-found": Code(_S.NOT_FOUND, "no strategy 'careful' has been named"),
    "node-not-found": Code(_S.NOT_FOUND, "no router node was started with the nonce 4b1f"),
    "token-not-found": Code(_S.NOT_FOUND, "no token has the id 7"),
    "audit-entry-not-found": Code(_S.NOT_FOUND, "no audit entry has the id 481"),
    "user-not-found": Code(_S.NOT_FOUND, "no user is called 'ada'"),
    "method-not-allowed": Code(_S.METHOD_NOT_ALLOWED, "/api/v1/me answers GET, not POST"),
    "swap-in-progress": Code(
        _S.CONFLICT,
        "iris has an open swap (1.0 → 1.1, Transitioning): wait for it, take it back (rollback), "
        'or ask with when_busy "queue"',
    ),
    "queue-held": Code(
        _S.CONFLICT, "the queue of iris is held: 1.0 → 1.1 ended Failed: release the queue"
    ),
    "version-not-active": Code(_S.CONFLICT, "iris 1.0 does not hold all traffic: 1.1 does"),
    "already-active": Code(_S.CONFLICT, "1.0 serves iris already: start a swap from it"),
    "not-possible-now": Code(_S.CONFLICT, "pause is not possible in NotStarted"),
    "in-use": Code(
        _S.CONFLICT,
        "host gpu-7 cannot be deleted: iris 1.0 is to be loaded there. Swap its models to other "
        "hosts first",
    ),
    "last-administrator": Code(
        _S.CONFLICT, "ada is the last active administrator: make another one first"
    ),
    "still-running": Code(
        _S.CONFLICT, "the first request with the key 'deploy-7' is still running: ask again"
    ),
    "stale": Code(
        _S.PRECONDITION_FAILED,
        "max_concurrent_loads of host gpu-7 was changed since you looked: look again, then decide",
    ),
    "request-too-large": Code(
        _S.REQUEST_ENTITY_TOO_LARGE, "the body is larger than any request of this API"
    ),
    "invalid-request": Code(_S.UNPROCESSABLE_ENTITY, "reason: Input should be a valid string"),
    "version-not-found": Code(
        _S.UNPROCESSABLE_ENTITY,
        "iris@1.1 is not on gpu-7: put its files there, or choose other hosts",
    ),
    "too-many-requests": Code(
        _S.TOO_MANY_REQUESTS, "this token may make 600 requests a minute: try again in 12 s"
    ),
    "internal-error": Code(
        _S.INTERNAL_SERVER_ERROR, "something went wrong here; the server's log says what"
    ),
    "unavailable": Code(
        _S.SERVICE_UNAVAILABLE, "the database does not answer: nothing was done; try again"
    ),
    "host-unreachable": Code(
        _S.SERVICE_UNAVAILABLE, "whether iris@1.1 exists is not known: no answer from gpu-7"
    ),
    "drain-timeout": Code(_S.GATEWAY_TIMEOUT, "iris 1.0 was not seen idle within 30 s on edge-1"),
}
# What any call may answer, and what any call may that takes a body.
OF_ANY_CALL = (
    "unauthorized",
    "forbidden",
    "too-many-requests",
    "internal-error",
    "unavailable",
)
OF_ANY_BODY = ("malformed-request", "request-too-large", "invalid-request")
