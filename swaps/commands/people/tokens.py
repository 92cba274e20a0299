"""Making and revoking API tokens: guard, change, audit, and end the streams they opened."""

from collections.abc import Iterable
from datetime import datetime

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from swaps.access.roles import Action, Actor, Role
from swaps.access.tokens import create_token
from swaps.audit.record import record
from swaps.commands.errors import InvalidRequest, TokenNotFound
from swaps.commands.refusals import audited
from swaps.live.broadcast import token_revoked
from swaps.models import ApiToken, ServedModel


def issue_token(
    *,
    actor: Actor,
    name: str,
    role: str,
    username: str | None = None,
    models: Iterable[str] | None = None,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """The row, and the plain text, which nothing can show again.

    `username`: whom it speaks for, by default whoever makes it. `models`: the names of the
    only ones it is for; None for every model. Raises InvalidRequest, NotAllowed.
    """
    with audited(actor, Action.MANAGE_TOKENS, "token", name):
        actor.require(Action.MANAGE_TOKENS)
        user = _owner(actor, username)
        scope = None if models is None else sorted(set(models))
        _check(name, role, scope, expires_at)
        with transaction.atomic():
            token, plaintext = create_token(
                user,
                name=name,
                role=Role(role),
                models=scope,
                expires_at=expires_at,
                made_by=actor,
            )
            record(
                actor=actor,
                action=Action.MANAGE_TOKENS,
                object_kind="token",
                object_name=str(token),
                reason="made",
                after={
                    "user": user.get_username(),
                    "role": token.role,
                    "models": scope,
                    "expires_at": expires_at.isoformat() if expires_at else None,
                },
            )
    return token, plaintext


def revoke_token(*, actor: Actor, token_id: int, reason: str = "") -> ApiToken:
    """From its commit on the token is nobody, and what it opened ends.

    One that is revoked already stays so. Raises TokenNotFound, NotAllowed.
    """
    with audited(actor, Action.MANAGE_TOKENS, "token", str(token_id)):
        actor.require(Action.MANAGE_TOKENS)
        with transaction.atomic():
            token = ApiToken.objects.select_for_update().filter(pk=token_id).first()
            if token is None:
                raise TokenNotFound(f"no token has the id {token_id}")
            if token.revoked_at is not None:
                return token
            ApiToken.objects.filter(pk=token.pk).update(revoked_at=Now())
            token.refresh_from_db()
            record(
                actor=actor,
                action=Action.MANAGE_TOKENS,
                object_kind="token",
                object_name=str(token),
                reason=f"revoked: {reason}".rstrip(": "),
                before={"revoked": False},
                after={"revoked": True},
            )
            transaction.on_commit(lambda: token_revoked(token.pk))
    return token


def _owner(actor: Actor, username: str | None) -> User:
    if username is not None:
        user = User.objects.filter(username=username).first()
    else:
        user = User.objects.filter(pk=actor.user_id).first() if actor.user_id else None
    if user is None:
        who = "nobody" if username is None else repr(username)
        raise InvalidRequest("user", f"{who} is no user: say whom the token speaks for")
    if not user.is_active:
        raise InvalidRequest("user", f"{user.get_username()} is not active: nobody could use it")
    return user


def _check(name: str, role: str, scope: list[str] | None, expires_at: datetime | None) -> None:
    if not name.strip():
        raise InvalidRequest("name", "a token needs a name that says what it is for")
    if role not in set(Role):
        raise InvalidRequest("role", f"{role!r} is none of {', '.join(Role)}")
    if expires_at is not None and expires_at <= timezone.now():
        raise InvalidRequest("expires_at", "this time is over: the token would be nobody")
    if scope is None:
        return
    if not scope:
        raise InvalidRequest("models", "name at least one model, or leave it out for all of them")
    known = set(ServedModel.objects.filter(name__in=scope).values_list("name", flat=True))
    unknown = [model for model in scope if model not in known]
    if unknown:
        raise InvalidRequest("models", f"no model {', '.join(unknown)} is registered")
