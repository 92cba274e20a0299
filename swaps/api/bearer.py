"""Who asks, and whether their role may: before anything of the request is looked at."""

import re
import uuid
from typing import cast

from django.http import HttpRequest, HttpResponse
from ninja.security import HttpBearer

from swaps.access.roles import Action, Actor, NotAllowed, Permission
from swaps.access.throttles import WINDOW_SECONDS, TooOften, Tried, try_request, try_wrong_token
from swaps.access.tokens import actor_for_token
from swaps.audit.refusals import record_refusal

_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,64}")
# What our own client calls itself; the audit log tells its calls from those of programs.
COMMAND_LINE_AGENT = "hotswap-cli/"


class Bearer(HttpBearer):
    """A token whose role includes `action`."""

    def __init__(self, action: Permission = Action.VIEW) -> None:
        super().__init__()
        self.action = action

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        agent = request.headers.get("User-Agent", "")
        given = request.headers.get("X-Request-ID", "")
        stranger = Actor(
            "unknown",
            None,
            source="command line" if agent.startswith(COMMAND_LINE_AGENT) else "API",
            address=request.META.get("REMOTE_ADDR") or None,
            request_id=given if _REQUEST_ID.fullmatch(given) else str(uuid.uuid4()),
        )
        actor = actor_for_token(
            token,
            source=stranger.source,
            address=stranger.address,
            request_id=stranger.request_id,
        )
        if actor is None:
            _count_wrong_token(stranger, request.path)
            return None
        _count_request(request, actor)
        try:
            actor.require(self.action)
        except NotAllowed as refusal:
            # The command never begins, so nobody else would audit this.
            if self.action is not Action.VIEW:
                record_refusal(
                    actor=actor,
                    action=self.action,
                    object_kind="request",
                    object_name=request.path[:200],
                    reason=str(refusal),
                    code=refusal.code,
                )
            raise
        return actor


def _count_wrong_token(stranger: Actor, path: str) -> None:
    """Only wrong tokens count, so that whoever else is behind that address is not held up.

    Raises TooOften.
    """
    tried = try_wrong_token(stranger.address)
    if tried.worth_recording:
        words = "the token is unknown, expired or revoked"
        record_refusal(
            actor=stranger,
            action="authenticate",
            object_kind="request",
            object_name=path,
            reason=f"{words}; those after it in this minute are not recorded"
            if tried.too_many
            else words,
            code=TooOften.code if tried.too_many else "unauthorized",
        )
    if tried.too_many:
        raise TooOften(
            f"more than {tried.limit} wrong tokens within a minute", tried.retry_after_seconds
        )


def _count_request(request: HttpRequest, actor: Actor) -> None:
    """Raises TooOften."""
    assert actor.token_id is not None, "who came by a token has one"
    tried = try_request(actor.token_id)
    request.rate = tried  # type: ignore[attr-defined]
    if tried.too_many:
        words = f"this token may make {tried.limit} requests a minute"
        if tried.worth_recording:
            record_refusal(
                actor=actor,
                action="request",
                object_kind="token",
                object_name=actor.token,
                reason=words,
                code=TooOften.code,
            )
        raise TooOften(words, tried.retry_after_seconds)


def say_rate(request: HttpRequest, response: HttpResponse) -> None:
    """How many requests are left to this token, so that a client can slow down in time.

    After https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/.
    """
    rate: Tried | None = getattr(request, "rate", None)
    if rate is None or not rate.number:  # nobody's token, or nobody could count
        return
    response["RateLimit-Policy"] = f'"token";q={rate.limit};w={WINDOW_SECONDS}'
    wait = f";t={rate.retry_after_seconds}" if rate.too_many else ""
    response["RateLimit"] = f'"token";r={max(0, rate.limit - rate.number)}{wait}'


def actor_of(request: HttpRequest) -> Actor:
    """Of a request that a Bearer let in."""
    return cast(Actor, request.auth)  # type: ignore[attr-defined]


def token_of(request: HttpRequest) -> str:
    """What the Bearer was shown, to ask again later whether it still lets in."""
    return request.headers["Authorization"].partition(" ")[2]
